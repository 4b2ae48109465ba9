import type { JournalEntry } from '../../protocols/model/views.ts'

/** Who did what, when, with what result; append-only, local to the island. */
export interface JournalPort {
  /** Never throws: a full disk must not stop the work that is journalled. */
  write(entry: Omit<JournalEntry, 'time'>): void
  /** Newest first. */
  read(limit: number): Promise<JournalEntry[]>
}

/** Where entries are kept: an ordered key-value store with a sublevel of its own. */
export interface JournalStore {
  put(key: string, value: string): Promise<void>
  /** Values, last key first. */
  last(limit: number): Promise<string[]>
  /** Deletes all but the newest `keep`. */
  trim(keep: number): Promise<void>
}

/** Entries kept; older ones go. */
const MAX_ENTRIES = 100_000
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
    async read(limit) {
      const lines = await components.store.last(Math.min(limit, 10_000))
      return lines.map((line) => JSON.parse(line) as JournalEntry)
    },
  }
}
