import type { StorePort } from '../store/port.ts'
import type { JournalStore } from './journal.ts'

/** The journal's entries in the island's store. */
export function levelJournal(store: StorePort): JournalStore {
  const bucket = store.bucket('journal')
  return {
    put: (key, value) => bucket.put(key, value),
    async last(limit, before) {
      const found: [string, string][] = []
      const below = before === undefined ? {} : { below: before }
      for await (const entry of bucket.entries({ ...below, reverse: true, limit })) found.push(entry)
      return found
    },
    async trim(keep) {
      let seen = 0
      for await (const [key] of bucket.entries({ reverse: true })) if (++seen > keep) await bucket.delete(key)
    },
  }
}
