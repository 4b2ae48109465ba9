import type { StorePort } from '../store/port.ts'
import type { JournalStore } from './journal.ts'

/** The journal's entries in the island's store. */
export function levelJournal(store: StorePort): JournalStore {
  const bucket = store.bucket('journal')
  return {
    put: (key, value) => bucket.put(key, value),
    async last(limit) {
      const lines: string[] = []
      for await (const [, value] of bucket.entries({ reverse: true, limit })) lines.push(value)
      return lines
    },
    async trim(keep) {
      let seen = 0
      for await (const [key] of bucket.entries({ reverse: true })) if (++seen > keep) await bucket.delete(key)
    },
  }
}
