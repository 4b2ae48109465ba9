import type { LivyBatchRequest, LivySessionRequest } from '../../../protocols/livy/objects.ts'
import type { ParamValue, SessionState } from '../../../protocols/model/task.ts'
import type { BoundDataset } from '../port.ts'

/** Where what this island made at its Livy is remembered: text keys and values, durable when a promise resolves. */
export interface SiteStore {
  put(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
  entries(): AsyncIterable<[key: string, value: string]>
}

/** A session or batch of this island, as it is stored. */
interface Stored {
  mark: string
  type: 'session' | 'batch'
  /** Of the work that it is for, where that may outlive the island. */
  key?: string
  /** Livy's, once it has answered. */
  id?: number
  /** As it was asked for; shown again, since what Livy got differs. */
  asked: LivySessionRequest | LivyBatchRequest
  datasets: BoundDataset[]
  /** With values, or for code that is to find the module `archipel` in any case; absent for sessions of Livy's own clients. */
  params?: Record<string, ParamValue>
  forwarded: boolean
  /** Ids, as Livy counts, of statements of ours, ascending. */
  hidden: number[]
  /** Ours that are not to be submitted again: languages that know the data. */
  bound: string[]
}

export interface Entry extends Stored {
  /** What it is called at Livy: calls go by this name, so that after a restart no call meets another's session. */
  readonly name: string
  /** As it was last seen. */
  state: SessionState | undefined
  /** The id of Livy's next statement; undefined until the list was read. */
  next: number | undefined
  /** Milliseconds since 1970: the last use. */
  used: number
  /** Submits of one session go one after the other. */
  turn: Promise<unknown>
}

/** States from which nothing comes back. `error` is none of them: a dead Python may be followed by a living Scala. */
export const ENDED: ReadonlySet<SessionState> = new Set(['dead', 'killed', 'success'])

export interface Entries {
  /** Reads what an earlier run left. */
  load(): Promise<void>
  all(): Entry[]
  byMark(type: Entry['type'], mark: string): Entry | undefined
  /** The newest of this id: a Livy that was restarted counts from 0 again. */
  byId(type: Entry['type'], id: number): Entry | undefined
  byName(name: string): Entry | undefined
  make(init: Pick<Stored, 'mark' | 'type' | 'key' | 'asked' | 'datasets' | 'params' | 'forwarded'>): Promise<Entry>
  save(entry: Entry): Promise<void>
  remove(entry: Entry): Promise<void>
}

/** `prefix` tells this island's from those of others at the same Livy. */
export function siteEntries(store: SiteStore, prefix: string): Entries {
  const known = new Map<string, Entry>()
  const keyOf = ({ type, mark }: Pick<Stored, 'type' | 'mark'>) => `${type}/${mark}`

  const live = (stored: Stored): Entry => ({
    ...stored,
    name: `${prefix}-${stored.mark}`,
    state: undefined,
    next: undefined,
    used: Date.now(),
    turn: Promise.resolve(),
  })

  async function save(entry: Entry): Promise<void> {
    const { mark, type, key, id, asked, datasets, params, forwarded, hidden, bound } = entry
    const stored: Stored = {
      mark,
      type,
      ...(key === undefined ? {} : { key }),
      ...(id === undefined ? {} : { id }),
      asked,
      datasets,
      params,
      forwarded,
      hidden,
      bound,
    }
    await store.put(keyOf(entry), JSON.stringify(stored))
  }

  return {
    async load() {
      for await (const [key, value] of store.entries()) known.set(key, live(JSON.parse(value)))
    },
    all: () => [...known.values()],
    byMark: (type, mark) => known.get(keyOf({ type, mark })),
    byId: (type, id) => [...known.values()].findLast((entry) => entry.type === type && entry.id === id),
    byName: (name) => [...known.values()].find((entry) => entry.name === name),
    async make(init) {
      const entry = live({ ...init, hidden: [], bound: [] })
      known.set(keyOf(entry), entry)
      await save(entry)
      return entry
    },
    save,
    async remove(entry) {
      if (known.get(keyOf(entry)) === entry) known.delete(keyOf(entry))
      await store.delete(keyOf(entry))
    },
  }
}

/** The id that the outside knows, without the hidden ones before it. */
export function visibleId(hidden: number[], real: number): number {
  return real - hidden.filter((id) => id < real).length
}

/** Livy's id of it. */
export function realId(hidden: number[], visible: number): number {
  let real = visible
  for (const id of hidden) if (id <= real) real++
  return real
}
