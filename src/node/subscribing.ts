/** Subscriptions, put together: they follow the catalog and ask for replicas. */
import type { Logger } from 'pino'
import { ArchipelError } from '../protocols/model/errors.ts'
import type { BrowsePort } from './browse/browse.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { JournalPort } from './journal/journal.ts'
import { newId } from './new-id.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { ReplicasPort } from './replicas/replicas.ts'
import type { ResolverPort } from './resolve/resolver.ts'
import type { StorePort } from './store/port.ts'
import { levelSubscriptions } from './subscriptions/level-subscriptions.ts'
import type { SubscriptionsComponents, SubscriptionsPort } from './subscriptions/port.ts'
import { subscriptions } from './subscriptions/subscriptions.ts'

export function subscribing(components: {
  self: string
  store: StorePort
  catalog: CatalogPort
  browse: Pick<BrowsePort, 'view' | 'viewOf'>
  resolver: ResolverPort
  nameOf(island: string): string
  heldState: SubscriptionsComponents['heldState']
  replicas: ReplicasPort
  policy: PolicyPort
  journal: JournalPort
  logger: Logger
}): SubscriptionsPort {
  const { self, store, browse, resolver, logger, ...rest } = components
  return subscriptions(
    { self },
    {
      ...rest,
      store: levelSubscriptions(store, (key) =>
        logger.error({ key }, 'an entry of the store cannot be read, and is left out'),
      ),
      viewOf: (record) => browse.viewOf(record),
      async dataset(ref, options) {
        const claim = resolver.one(ref, await resolver.locate(ref, { via: 'catalog', confirm: false, ...options }))
        const view = await browse.view(claim.publisher, claim.id)
        if (view === undefined)
          throw new ArchipelError('DATASET_NOT_FOUND', `${ref.slice(0, 200)} is not in the catalog any more`)
        return view
      },
      newId: () => newId('sub'),
      logger,
    },
  )
}
