/** All requests of this island, both ways: in memory and on the disk. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { REQUEST_ENDS } from '../../protocols/model/replica-request.ts'
import type { RequestStatus } from '../../protocols/replicate/messages.ts'
import type { RequestStore, StoredRequest } from './port.ts'

type Direction = StoredRequest['direction']

export interface Book {
  start(): Promise<void>
  all(direction?: Direction): StoredRequest[]
  find(direction: Direction, island: string, id: string): StoredRequest | undefined
  /** By its id alone. @throws REQUEST_NOT_FOUND, AMBIGUOUS */
  get(id: string): StoredRequest
  /** Durable when it resolves. */
  put(request: StoredRequest, more?: Partial<StoredRequest>): Promise<StoredRequest>
  /** One change of requests at a time. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

const keyOf = (direction: Direction, island: string, id: string) => `${direction}/${island}/${id}`

export const isOver = ({ state }: Pick<StoredRequest, 'state'>) => REQUEST_ENDS.has(state)

export function statusOf({ id, state, wanted, done, problem }: StoredRequest): RequestStatus {
  return {
    id,
    state,
    ...(wanted === undefined ? {} : { wanted }),
    ...(done === undefined ? {} : { done }),
    ...(problem === undefined ? {} : { problem }),
  }
}

/** @param kept ended ones that are remembered */
export function book(store: RequestStore, kept: number): Book {
  const known = new Map<string, StoredRequest>()
  let turn: Promise<unknown> = Promise.resolve()

  async function trim(): Promise<void> {
    const ended = [...known.values()].filter((r) => isOver(r) && !r.owed).sort((a, b) => a.updated - b.updated)
    for (const oldest of ended.slice(0, Math.max(0, ended.length - kept))) {
      known.delete(keyOf(oldest.direction, oldest.island, oldest.id))
      await store.forget(oldest)
    }
  }

  return {
    async start() {
      for (const each of await store.all()) known.set(keyOf(each.direction, each.island, each.id), each)
    },
    all: (direction) => [...known.values()].filter((r) => direction === undefined || r.direction === direction),
    find: (direction, island, id) => known.get(keyOf(direction, island, id)),
    get(id) {
      const found = [...known.values()].filter((r) => r.id === id)
      if (found.length === 1) return found[0]!
      if (found.length > 1) throw new ArchipelError('AMBIGUOUS', `several islands made a request ${id}`)
      throw new ArchipelError('REQUEST_NOT_FOUND', `this island knows no request ${id.slice(0, 100)}`)
    },
    async put(request, more = {}) {
      const next = { ...request, ...more, updated: Date.now() }
      await store.put(next)
      known.set(keyOf(next.direction, next.island, next.id), next)
      if (isOver(next)) await trim()
      return next
    },
    inTurn(work) {
      const next = turn.then(work, work)
      turn = next.catch(() => {})
      return next
    },
  }
}
