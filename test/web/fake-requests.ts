/** One request to hold data, scripted: it is shown and cancelled, and nothing is asked. */
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { ReplicaRequestView } from '../../src/protocols/model/replica-request.ts'
import type { IslandPort } from '../../src/web/ports.ts'

interface Named {
  id: string
  name: string
}

export function fakeRequests(self: Named, other: Named, now: string): Pick<IslandPort, 'replicate' | 'requests'> {
  let view: ReplicaRequestView = {
    id: 'req-1',
    direction: 'outgoing',
    island: other,
    user: 'owner',
    dataset: `archipel:${self.id}/stars`,
    publisher: self,
    version: 'ab'.repeat(32),
    files: [],
    priority: 'normal',
    state: 'transferring',
    undelivered: false,
    wanted: { files: 1, bytes: 1_234_567 },
    done: { files: 0, bytes: 1000 },
    created: now,
    updated: now,
  }
  const find = (id: string): ReplicaRequestView => {
    if (id !== view.id) throw new ArchipelError('REQUEST_NOT_FOUND', `no request ${id}`)
    return view
  }
  return {
    replicate: async (_, { files = [], priority = 'normal' }) => ({ ...view, files, priority, state: 'requested' }),
    requests: {
      list: async () => ({ items: [view], total: 1 }),
      show: async (id) => find(id),
      async cancel(id) {
        view = { ...find(id), state: 'cancelled', undelivered: true }
        return view
      },
    },
  }
}
