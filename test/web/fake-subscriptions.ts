/** One subscription, scripted: it is paused, resumed and removed, and follows nothing. */
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { SubscribedDataset, SubscriptionView } from '../../src/protocols/model/subscription.ts'
import type { IslandSubscriptions } from '../../src/web/ports.ts'

interface Named {
  id: string
  name: string
}

export function fakeSubscriptions(other: Named, now: string): IslandSubscriptions {
  const met: SubscribedDataset = {
    dataset: `archipel:${other.id}/stars`,
    name: 'stars',
    publisher: other,
    version: 'ab'.repeat(32),
    state: 'available',
    transfer: 'tr-1',
    at: now,
  }
  let view: SubscriptionView = {
    id: 'sub-1',
    filter: { keyword: ['stars'] },
    files: [],
    fromStart: false,
    user: 'owner',
    state: 'active',
    created: now,
    datasets: { known: 2, available: 1 },
    bytes: 1_234_567,
    recent: [met],
  }
  const find = (id: string): SubscriptionView => {
    if (id !== view.id) throw new ArchipelError('SUBSCRIPTION_NOT_FOUND', `no subscription ${id}`)
    return view
  }
  const change = async (id: string, more: Partial<SubscriptionView>): Promise<SubscriptionView> => {
    view = { ...find(id), ...more }
    return view
  }
  return {
    create: async ({ filter, files = [], maxBytes, fromStart = false }) => ({
      ...view,
      filter,
      files,
      fromStart,
      ...(maxBytes === undefined ? {} : { maxBytes }),
    }),
    plan: async () => ({
      matching: { datasets: 1, bytes: 1_234_567 },
      fetched: { datasets: 1, bytes: 1_234_567 },
      items: [{ dataset: met.dataset, name: met.name, publisher: other, bytes: 1_234_567 }],
    }),
    list: async () => ({ items: [view], total: 1 }),
    show: async (id) => find(id),
    explain: async (id, ref) => {
      find(id)
      if (ref !== met.dataset && ref !== met.name)
        throw new ArchipelError('DATASET_NOT_FOUND', `no dataset ${JSON.stringify(ref)} is known here`)
      const { dataset, name, publisher, version } = met
      return { dataset, name, publisher, version, matches: true, misses: [], own: false, reason: 'it was fetched', met }
    },
    pause: (id) => change(id, { state: 'paused' }),
    resume: (id, { maxBytes } = {}) => change(id, { state: 'active', ...(maxBytes === undefined ? {} : { maxBytes }) }),
    remove: async (id) => ({ id: find(id).id }),
  }
}
