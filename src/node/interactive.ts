/** The interactive sessions of an island, put together. */
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { EnginePort } from './engines/port.ts'
import type { JournalPort } from './journal/journal.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { ResolverPort } from './resolve/resolver.ts'
import type { Places } from './sessions/places.ts'
import { type Sessions, sessions } from './sessions/sessions.ts'
import type { StorePort } from './store/port.ts'

const LAST_ID = 'sessions/last'

export function interactiveSessions(components: {
  config: Pick<Config, 'sessions'>
  self: string
  store: StorePort
  engine: EnginePort
  datasets: DatasetsPort
  resolver: ResolverPort
  policy: PolicyPort
  journal: JournalPort
  places: Places
  logger: (component: string) => Logger
}): Sessions {
  const { config, self, engine, datasets, resolver, policy, journal, places } = components
  const state = components.store.bucket('state')
  return sessions(
    {
      self,
      max: config.sessions.max,
      idleMs: config.sessions.idleMs,
    },
    {
      engine,
      places,
      data: datasets,
      async pin(ref) {
        const located = await resolver.locate(ref, { via: 'catalog', confirm: false })
        const { id, publisher, version } = resolver.one(ref, located)
        return { table: ref, id, publisher, version }
      },
      lastId: {
        get: async () => Number((await state.get(LAST_ID)) ?? 0),
        put: (id) => state.put(LAST_ID, String(id)),
      },
      policy,
      journal,
      logger: components.logger('sessions'),
    },
  )
}
