/** Requests to other islands: said until they are answered, then followed to their end. */
import { ArchipelError, problemOf, toArchipelError } from '../../protocols/model/errors.ts'
import { MAX_STATES, type RequestStatus, type WantedReplica } from '../../protocols/replicate/messages.ts'
import { type Book, isOver } from './book.ts'
import type { RequestsComponents, StoredRequest } from './port.ts'

/** Milliseconds between two messages to an island about unfinished requests: the first after a change, and the most. */
const FIRST_MS = 1_000
const MAX_MS = 30_000

export interface Outgoing {
  /** Tells that island now what it has not heard, and asks how the others are. */
  talk(island: string): void
  talkToAll(): void
  cancel(request: StoredRequest): Promise<StoredRequest>
  stop(): Promise<void>
}

const named = ({ id, dataset, publisher, version, files, priority, user }: WantedReplica): WantedReplica => ({
  ...{ id, dataset, publisher, version, files, priority, user },
})

interface Conversation {
  waitMs: number
  timer?: NodeJS.Timeout
  busy?: Promise<void>
  again: boolean
}

/** That island takes no more now: those that it has taken are followed, and make room. */
function laterIfFull(cause: unknown): undefined {
  if (toArchipelError(cause).code !== 'TOO_MANY') throw cause
}

export function outgoing(kept: Book, { remote, isMember, logger }: RequestsComponents): Outgoing {
  const stopping = new AbortController()
  const conversations = new Map<string, Conversation>()

  const open = (island: string) => kept.all('outgoing').filter((r) => r.island === island && (r.owed || !isOver(r)))

  const current = ({ island, id }: StoredRequest) => kept.find('outgoing', island, id)

  /**
   * What that island says; a request that was cancelled here meanwhile stays so.
   *
   * @param status undefined: it does not know it; its store was lost, or is older than this, and it is asked again
   * @returns whether it is news
   */
  async function heard(request: StoredRequest, status: RequestStatus | undefined): Promise<boolean> {
    return await kept.inTurn(async () => {
      const now = current(request)
      if (now === undefined || isOver(now)) return false
      if (status === undefined) {
        await kept.put(now, { owed: true, state: 'requested' })
        return false
      }
      const { state, wanted, done, problem } = status
      const changed = now.owed || now.state !== state || now.done?.bytes !== done?.bytes
      if (changed || now.problem?.code !== problem?.code)
        await kept.put({ ...now, wanted, done, problem }, { state, owed: false })
      return changed
    })
  }

  const wantedOf = ({ whenUsed, ...request }: StoredRequest): WantedReplica => ({
    ...named(request),
    ...(whenUsed === undefined ? {} : { whenUsed }),
  })

  async function turn(island: string): Promise<boolean> {
    let news = false
    let full = false
    if (!isMember(island)) {
      const problem = problemOf(new ArchipelError('NOT_A_MEMBER', 'that island is no member any more'))
      await kept.inTurn(async () => {
        for (const request of open(island))
          await kept.put(request, isOver(request) ? { owed: false } : { state: 'failed', owed: false, problem })
      })
      return true
    }
    for (const each of open(island)) {
      // As it is now: it may have been cancelled while the one before was told.
      const request = current(each)
      if (!request?.owed) continue
      if (request.state === 'cancelled') {
        await remote.cancel(island, request.id, stopping.signal)
        await kept.inTurn(() => kept.put(request, { owed: false }))
        news = true
      } else if (!full) {
        const status = await remote.ask(island, wantedOf(request), stopping.signal).catch(laterIfFull)
        full = status === undefined
        if (status !== undefined) news = (await heard(request, status)) || news
      }
    }
    const asked = open(island).filter((r) => !r.owed)
    for (let from = 0; from < asked.length; from += MAX_STATES) {
      const some = asked.slice(from, from + MAX_STATES)
      const states = await remote.state(
        island,
        some.map((r) => r.id),
        stopping.signal,
      )
      for (const request of some) {
        const status = states.find((s) => s.id === request.id)
        news = (await heard(request, status)) || news
      }
    }
    return news
  }

  function talk(island: string): void {
    if (stopping.signal.aborted) return
    const one = conversations.get(island) ?? { waitMs: FIRST_MS, again: false }
    conversations.set(island, one)
    clearTimeout(one.timer)
    if (one.busy !== undefined) {
      one.again = true
      return
    }
    if (open(island).length === 0) {
      conversations.delete(island)
      return
    }
    one.busy = turn(island)
      .catch((cause: unknown) => {
        if (!stopping.signal.aborted)
          logger.debug({ island, code: toArchipelError(cause).code }, 'an island was not told of requests now')
        return false
      })
      .then((news) => {
        delete one.busy
        one.waitMs = news || one.again ? FIRST_MS : Math.min(MAX_MS, one.waitMs * 2)
        if (stopping.signal.aborted) return
        const at = one.again ? 0 : one.waitMs
        one.again = false
        one.timer = setTimeout(() => talk(island), at)
      })
  }

  return {
    talk,
    talkToAll() {
      for (const island of new Set(kept.all('outgoing').map((r) => r.island))) talk(island)
    },
    async cancel(request) {
      const cancelled = await kept.inTurn(async () => {
        const now = current(request) ?? request
        return isOver(now) ? now : await kept.put(now, { state: 'cancelled', owed: true })
      })
      talk(request.island)
      return cancelled
    },
    async stop() {
      stopping.abort()
      for (const { timer } of conversations.values()) clearTimeout(timer)
      await Promise.all([...conversations.values()].map(({ busy }) => busy))
    },
  }
}
