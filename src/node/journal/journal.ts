import { ArchipelError } from '../../protocols/model/errors.ts'
import type { JournalEntry, JournalPage } from '../../protocols/model/views.ts'

/** Who did what, when, with what result; append-only, local to the island. */
export interface JournalPort {
  /** Never throws: a full disk must not stop the work that is journalled. */
  write(entry: Omit<JournalEntry, 'time'>): void
  /** Newest first. @throws BAD_INPUT for a cursor that is none */
  read(page?: { limit?: number; cursor?: string }): Promise<JournalPage>
}

/** Where entries are kept: an ordered key-value store with a sublevel of its own. */
export interface JournalStore {
  put(key: string, value: string): Promise<void>
  /** Last key first; those before a key. */
  last(limit: number, before?: string): Promise<[key: string, value: string][]>
  /** Deletes all but the newest `keep`. */
  trim(keep: number): Promise<void>
}

/** Entries kept; older ones go. */
const MAX_ENTRIES = 100_000
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 10_000
const TRIM_EVERY = 1_000

export function journal(components: {
  store: JournalStore
  now?: () => number
  onError?: (error: unknown) => void
}): JournalPort {
  const now = components.now ?? Date.now
  let counter = 0
  let lastTime = 0
  return {
    write(entry) {
      const time = Math.max(now(), lastTime)
      lastTime = time
      const key = `${String(time).padStart(15, '0')}-${String(counter++ % 1_000_000).padStart(6, '0')}`
      components.store
        .put(key, JSON.stringify({ time: new Date(time).toISOString(), ...entry }))
        .then(async () => {
          if (counter % TRIM_EVERY === 0) await components.store.trim(MAX_ENTRIES)
        })
        .catch((error: unknown) => components.onError?.(error))
    },
    async read({ limit = DEFAULT_LIMIT, cursor } = {}) {
      if (cursor !== undefined && !/^\d{15}-\d{6}$/.test(cursor))
        throw new ArchipelError('BAD_INPUT', 'this cursor is not from a list of the journal')
      const most = Math.min(Math.max(1, limit), MAX_LIMIT)
      const found = await components.store.last(most + 1, cursor)
      const shown = found.slice(0, most)
      const items = shown.map(([, line]) => JSON.parse(line) as JournalEntry)
      return found.length > most ? { items, next: shown.at(-1)![0] } : { items }
    },
  }
}
