import type { StorePort } from '../store/port.ts'
import type { TicketStore } from './tickets.ts'

/** What is remembered of tickets in the island's store. */
export function levelTickets(store: StorePort): TicketStore {
  const bucket = store.bucket('tickets')
  return {
    get: (id) => bucket.get(id),
    put: (id, value) => bucket.put(id, value),
    delete: (id) => bucket.delete(id),
    async ids() {
      const ids: string[] = []
      for await (const [id] of bucket.entries()) ids.push(id)
      return ids
    },
  }
}
