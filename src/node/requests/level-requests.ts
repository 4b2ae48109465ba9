import { z } from 'zod'
import { replicaRequestState, requestAmount } from '../../protocols/model/replica-request.ts'
import { requestProblem, wantedReplica } from '../../protocols/replicate/messages.ts'
import type { StorePort } from '../store/port.ts'
import type { RequestStore, StoredRequest } from './port.ts'

const stored = wantedReplica.extend({
  direction: z.enum(['outgoing', 'incoming']),
  island: z.string(),
  state: replicaRequestState,
  owed: z.boolean(),
  wanted: requestAmount.optional(),
  done: requestAmount.optional(),
  transfer: z.string().optional(),
  problem: requestProblem.optional(),
  created: z.number(),
  updated: z.number(),
})

const keyOf = ({ direction, island, id }: StoredRequest) => `${direction}/${island}/${id}`

/** Requests in the island's store. An entry that cannot be read is left out, and told. */
export function levelRequests(store: StorePort, onBroken: (key: string) => void = () => {}): RequestStore {
  const bucket = store.bucket('replicaRequests')
  return {
    async all() {
      const found: StoredRequest[] = []
      for await (const [key, text] of bucket.entries()) {
        const parsed = stored.safeParse(JSON.parse(text))
        if (parsed.success) found.push(parsed.data)
        else onBroken(key)
      }
      return found
    },
    put: (request) => bucket.put(keyOf(request), JSON.stringify(request)),
    forget: (request) => bucket.delete(keyOf(request)),
  }
}
