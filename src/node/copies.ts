/** Copies of datasets, put together: giving and getting them, promises to keep them, and whatever asks for them. */
import type { Logger } from 'pino'
import type { Signer } from '../protocols/record/keys.ts'
import type { BrowsePort } from './browse/browse.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import type { JournalPort } from './journal/journal.ts'
import type { Roster } from './members/roster.ts'
import type { NetworkPort } from './network/port.ts'
import type { OwnData } from './own-datasets.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { PresencePort } from './presence/presence.ts'
import { promiseKeeping } from './promise-keeping.ts'
import { folderOf } from './replicas/names.ts'
import { type Replication, replication } from './replication.ts'
import { requesting } from './requesting.ts'
import type { RequestsPort } from './requests/port.ts'
import type { IslandLookup } from './resolve/port.ts'
import type { ResolverPort } from './resolve/resolver.ts'
import { ruleKeeping } from './rule-keeping.ts'
import type { RulesPort } from './rules/port.ts'
import type { StorePort } from './store/port.ts'
import { subscribing } from './subscribing.ts'
import type { SubscriptionsPort } from './subscriptions/port.ts'

export interface CopiesComponents {
  config: Config
  self: string
  /** Milliseconds since 1970. */
  startedAt: number
  store: StorePort
  catalog: CatalogPort
  network: NetworkPort
  own: OwnData
  /** Own key. */
  signer: Signer
  roster: Roster
  presence: PresencePort
  browse: BrowsePort
  lookup: IslandLookup
  resolver: ResolverPort
  policy: PolicyPort
  journal: JournalPort
  islandNamed(text: string): string
  /** Ids of the datasets that work has which waits or runs here. Called once all is built. */
  running(): readonly string[]
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  /** Before anything starts: `forget` is for whenever this island holds something else. */
  onForget(forget: () => void): void
  logger: (component: string) => Logger
}

export interface Copies {
  moving: Replication
  subscriptions: SubscriptionsPort
  requests: RequestsPort
  rules: RulesPort
  /** Begins to answer others. */
  serve(options: { stopping: AbortSignal }): Promise<void>
  /** Takes up what was under way, when others can be reached. */
  resume(): Promise<void>
}

export async function copies(components: CopiesComponents, undo: (() => unknown)[]): Promise<Copies> {
  const { self, roster, own, logger } = components
  const kept = await promiseKeeping({
    ...components,
    datasets: own.held,
    rules: () => rules,
    nameOf: roster.nameOf,
  })
  const moving = replication({
    ...components,
    dropCopy: kept.drop,
    needs: {
      holders: ({ publisher, dataset, version }) =>
        components.browse
          .holders(publisher, dataset)
          .flatMap((h) => (h.island !== self && h.version === version && h.state === 'available' ? [h.island] : [])),
      unmet: (copy, stay) => rules.unmet(copy, stay),
      promised: kept.promised,
      lives(by) {
        const [kind, id = ''] = by.split(' ')
        return kind === 'rule' ? rules.lives(id) : kind === 'subscription' && subscribed.lives(id)
      },
      running: components.running,
    },
  })
  components.onForget(moving.forget)
  await moving.replicas.start()
  undo.push(() => moving.replicas.stop())

  const heldState = (publisher: string, dataset: string, version: string) =>
    own.replicaShelf.asked(folderOf(publisher, dataset, version))?.state
  const asking = { ...components, replicas: moving.replicas, heldState }
  const subscribed = subscribing({ ...asking, nameOf: roster.nameOf, logger: logger('subscriptions') })
  const requested = requesting({ ...asking, logger: logger('requests') })
  const rules = ruleKeeping(asking)
  undo.push(() => rules.stop())
  await rules.start()

  return {
    moving,
    subscriptions: subscribed,
    requests: requested.port,
    rules,
    async serve(options) {
      await moving.provider.start(options)
      undo.push(() => moving.https.stop())
      await moving.https.start(options)
      await requested.serve(options)
      await kept.serve(options)
    },
    async resume() {
      await moving.replicas.resumeAll()
      await requested.start()
      undo.push(() => requested.stop())
      await subscribed.start()
      undo.push(() => subscribed.stop())
      rules.resume()
    },
  }
}
