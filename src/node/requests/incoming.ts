/** Requests of other islands: decided here, then fetched by transfers of this island. */
import { ArchipelError, type ErrorInfo, problemOf, toArchipelError } from '../../protocols/model/errors.ts'
import type { TransferView } from '../../protocols/model/transfer.ts'
import type { RequestStatus, WantedReplica } from '../../protocols/replicate/messages.ts'
import type { VersionUse } from '../replicas/replicas.ts'
import { type Book, isOver, statusOf } from './book.ts'
import type { RequestsComponents, RequestsInit, RequestsPort, StoredRequest } from './port.ts'

/** Unfinished requests of one island. */
const MAX_UNFINISHED = 1_000
/** Milliseconds between two looks at what is under way, and before a holder is looked for again. */
const LOOK_MS = 500
const MAX_WAIT_MS = 60_000

/** The user of a transfer that a request asked for: no user of this island is called so. */
const labelOf = ({ island, id }: Pick<StoredRequest, 'island' | 'id'>) => `${id}@${island}`

/** Something happens to it by itself. */
const isUnderWay = (request: StoredRequest) => !isOver(request) && request.state !== 'promised'

export interface Incoming {
  handle: RequestsPort['handle']
  cancel(request: StoredRequest): Promise<StoredRequest>
  used(use: VersionUse): void
  /** With how far their transfers are now. */
  shown(requests: readonly StoredRequest[]): StoredRequest[]
  /** Looks at all that is under way: now, and as long as there is something. */
  look(): void
  stop(): Promise<void>
}

export function incoming(init: RequestsInit, kept: Book, components: RequestsComponents): Incoming {
  const { replicas, policy, journal, logger } = components
  const stopping = new AbortController()
  const waits = new Map<string, { due: number; waitMs: number }>()
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined

  /** Without that one: ids of two islands may be the same. */
  const promised = (but: string) =>
    kept
      .all('incoming')
      .filter((r) => labelOf(r) !== but && takesRoom(r))
      .reduce((sum, r) => sum + (r.wanted?.bytes ?? 0), 0)

  /** One that has ended does until it is dropped. */
  function takesRoom(request: StoredRequest): boolean {
    const { state, publisher, dataset, version } = request
    if (!isOver(request)) return true
    return (
      (state === 'available' || state === 'partial') && components.heldState(publisher, dataset, version) !== undefined
    )
  }

  const refOf = ({ dataset, publisher, version, files }: WantedReplica) => ({
    ref: `${dataset}@${publisher}`,
    version,
    files,
  })

  /** @throws why this island does not take it */
  async function decide(island: string, asked: WantedReplica, signal: AbortSignal) {
    policy.check({ island, user: asked.user, action: 'replica:request', datasets: [asked.dataset] })
    const plan = await replicas.plan(refOf(asked), { signal })
    const { bytes } = plan.wanted
    if (bytes > init.maxBytes)
      throw new ArchipelError('TOO_LARGE', `this island takes at most ${init.maxBytes} bytes by one request`, {
        hint: 'Ask for some of its files (--files); or its operator raises policy.replicate.maxBytes.',
      })
    const left = Math.min(init.quotaBytes - promised(labelOf({ island, id: asked.id })), plan.quotaLeftBytes)
    if (plan.missing.bytes > 0 && bytes > left)
      throw new ArchipelError('QUOTA_EXCEEDED', `this island has room for ${Math.max(0, left)} bytes by requests`, {
        hint: 'Ask another island; or its operator raises policy.replicate.quotaBytes and replicas.quotaBytes.',
      })
    return plan
  }

  function wrote(request: StoredRequest, outcome: 'ok' | 'refused', code?: string): void {
    const { user, island, dataset } = request
    const entry = { actor: `${user}@${island}`, action: 'replica:request', subject: dataset, outcome }
    journal.write({ ...entry, ...(code === undefined ? {} : { code }) })
  }

  const current = ({ island, id }: StoredRequest) => kept.find('incoming', island, id)

  /** Decides, and asks for the transfer; or notes why not. */
  async function begin(request: StoredRequest): Promise<void> {
    const label = labelOf(request)
    try {
      const before = replicas.list().find((t) => t.user === label)
      let transfer: TransferView | undefined = before
      if (transfer === undefined) {
        const { wanted, missing } = await decide(request.island, request, stopping.signal)
        if (request.whenUsed && request.state === 'requested' && missing.files > 0)
          return await promise(request, wanted)
        if (current(request)?.state === 'requested')
          await kept.inTurn(async () => {
            const now = current(request)
            if (now?.state === 'requested') await kept.put(now, { state: 'accepted', wanted })
          })
        const { priority } = request
        transfer = await replicas.get(
          { ...refOf(request), priority },
          { user: label, by: `request ${request.id}`, signal: stopping.signal },
        )
      }
      const { id, wanted, user } = transfer
      const over = await kept.inTurn(async () => {
        const now = current(request)
        if (now === undefined || isOver(now)) return true
        await kept.put(now, { state: 'accepted', transfer: id, wanted })
        return false
      })
      // Cancelled meanwhile; a transfer that others asked for goes on.
      if (over && user === label) await replicas.cancel(id)
      else if (!over) wrote(request, 'ok')
    } catch (cause) {
      if (stopping.signal.aborted) return
      await refused(request, toArchipelError(cause))
    }
  }

  /** What it is and what it consists of is here; its bytes come at the first use. */
  async function promise(request: StoredRequest, wanted: StoredRequest['wanted']): Promise<void> {
    await replicas.keepManifest(refOf(request), { signal: stopping.signal })
    const taken = await kept.inTurn(async () => {
      const now = current(request)
      if (now?.state !== 'requested') return false
      await kept.put({ ...now, wanted, problem: undefined }, { state: 'promised' })
      return true
    })
    if (taken) wrote(request, 'ok')
  }

  async function use({ dataset, publisher, version, path }: VersionUse): Promise<void> {
    await kept.inTurn(async () => {
      for (const request of kept.all('incoming'))
        if (
          request.state === 'promised' &&
          request.dataset === dataset &&
          request.publisher === publisher &&
          request.version === version &&
          (path === undefined || components.matches(request.files, path))
        )
          await kept.put(request, { state: 'accepted' })
    })
    look()
  }

  async function refused(request: StoredRequest, error: ArchipelError): Promise<void> {
    const key = labelOf(request)
    const later = error.code !== 'DISK_FULL' && (error.retryable || error.code === 'INTERNAL')
    await kept.inTurn(async () => {
      const now = current(request)
      if (now === undefined || isOver(now)) return
      if (error.code === 'DATASET_EXISTS') {
        // It publishes that version itself.
        await kept.put(now, { state: 'available' })
      } else if (later) {
        const waitMs = Math.min(MAX_WAIT_MS, (waits.get(key)?.waitMs ?? LOOK_MS) * 2)
        waits.set(key, { due: Date.now() + waitMs, waitMs })
        if (now.problem?.code !== error.code) await kept.put(now, { problem: problemOf(error) })
      } else {
        await kept.put(now, { state: 'refused', problem: problemOf(error) })
        wrote(now, 'refused', error.code)
      }
    })
  }

  /** What its transfer says. */
  async function follow(request: StoredRequest, transfer: TransferView | undefined): Promise<void> {
    const state = transfer?.state ?? 'failed'
    const next: Partial<StoredRequest> =
      state === 'requested'
        ? { state: 'accepted' }
        : state === 'transferring' || state === 'verifying' || state === 'paused'
          ? { state: 'transferring' }
          : { state }
    if (transfer === undefined)
      next.problem = problemOf(new ArchipelError('TRANSFER_NOT_FOUND', 'its transfer is gone'))
    else {
      next.wanted = transfer.wanted
      next.done = transfer.done
      next.problem = transfer.problem as ErrorInfo | undefined
    }
    if (state === 'cancelled')
      next.problem = problemOf(new ArchipelError('CANCELLED', 'the island that should hold it cancelled it'))
    await kept.inTurn(async () => {
      const now = current(request)
      if (now === undefined || isOver(now)) return
      // How far it is the transfer knows: that is no write.
      if (now.state === next.state && now.problem?.code === next.problem?.code) return
      await kept.put(now, next)
    })
  }

  async function lookOnce(): Promise<void> {
    const transfers = new Map(replicas.list().map((t) => [t.id, t]))
    for (const request of kept.all('incoming')) {
      if (stopping.signal.aborted) return
      if (isOver(request)) continue
      if (!components.isMember(request.island)) {
        await cancel(
          request,
          problemOf(new ArchipelError('NOT_A_MEMBER', 'the island that asked is no member any more')),
        )
      } else if (request.state === 'promised') continue
      else if (request.transfer !== undefined) await follow(request, transfers.get(request.transfer))
      else if ((waits.get(labelOf(request))?.due ?? 0) <= Date.now()) await begin(request)
    }
  }

  async function cancel(request: StoredRequest, problem?: ErrorInfo): Promise<StoredRequest> {
    const label = labelOf(request)
    const over = await kept.inTurn(async () => {
      const now = current(request) ?? request
      return isOver(now) ? now : await kept.put(now, { state: 'cancelled', ...(problem ? { problem } : {}) })
    })
    waits.delete(label)
    const own = replicas.list().find((t) => t.user === label)
    if (over.state === 'cancelled' && own !== undefined)
      await replicas.cancel(own.id).catch((error: unknown) => logger.debug({ err: error }, 'it had ended'))
    return over
  }

  function look(): void {
    if (stopping.signal.aborted || looking !== undefined) return
    clearTimeout(timer)
    looking = lookOnce()
      .catch((error: unknown) => logger.error({ err: error }, 'requests of others could not be looked at'))
      .then(() => {
        looking = undefined
        if (!stopping.signal.aborted && kept.all('incoming').some(isUnderWay)) timer = setTimeout(look, LOOK_MS)
      })
  }

  function shown(requests: readonly StoredRequest[]): StoredRequest[] {
    const transfers = new Map(replicas.list().map((t) => [t.id, t]))
    return requests.map((request) => {
      const transfer = isOver(request) ? undefined : transfers.get(request.transfer ?? '')
      return transfer === undefined ? request : { ...request, wanted: transfer.wanted, done: transfer.done }
    })
  }

  const newOne = (island: string, wanted: WantedReplica, state: StoredRequest['state']): StoredRequest => ({
    ...wanted,
    direction: 'incoming',
    island,
    state,
    owed: false,
    created: Date.now(),
    updated: Date.now(),
  })

  return {
    handle: {
      async ask(island, wanted) {
        const request = await kept.inTurn(async () => {
          const before = kept.find('incoming', island, wanted.id)
          if (before !== undefined) return before
          const unfinished = kept.all('incoming').filter((r) => r.island === island && !isOver(r))
          if (unfinished.length >= MAX_UNFINISHED)
            throw new ArchipelError('TOO_MANY', `${MAX_UNFINISHED} requests of that island are not finished`)
          return await kept.put(newOne(island, wanted, 'requested'))
        })
        look()
        return statusOf(request)
      },
      async plan(island, wanted, signal): Promise<RequestStatus> {
        try {
          const plan = await decide(island, wanted, signal)
          const state = wanted.whenUsed ? 'promised' : 'accepted'
          return { id: wanted.id, state, wanted: plan.wanted, done: plan.here }
        } catch (cause) {
          signal.throwIfAborted()
          return { id: wanted.id, state: 'refused', problem: problemOf(cause) }
        }
      },
      state: async (island, ids) => shown(ids.flatMap((id) => kept.find('incoming', island, id) ?? [])).map(statusOf),
      async cancel(island, id) {
        const before = kept.find('incoming', island, id)
        if (before !== undefined) return statusOf(await cancel(before))
        const nothing = { id, dataset: '-', publisher: '-', version: '0'.repeat(64), files: [], user: '-' }
        const forgotten = newOne(island, { ...nothing, priority: 'normal' }, 'cancelled')
        return statusOf(await kept.inTurn(() => kept.put(forgotten)))
      },
    },
    cancel: (request) =>
      cancel(request, problemOf(new ArchipelError('CANCELLED', 'the island that should hold it cancelled it'))),
    used(what) {
      if (!kept.all('incoming').some((r) => r.state === 'promised')) return
      use(what).catch((error: unknown) => logger.error({ err: error }, 'a use of promised data was not noted'))
    },
    shown,
    look,
    async stop() {
      stopping.abort()
      clearTimeout(timer)
      await looking
    },
  }
}
