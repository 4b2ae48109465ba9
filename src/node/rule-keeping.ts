/** Rules about copies, put together: what they need of members, catalog and transfers. */
import type { Logger } from 'pino'
import type { BrowsePort } from './browse/browse.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import type { JournalPort } from './journal/journal.ts'
import type { Roster } from './members/roster.ts'
import { newId } from './new-id.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { PresencePort } from './presence/presence.ts'
import type { ReplicasPort } from './replicas/replicas.ts'
import type { RulesPort } from './rules/port.ts'
import { rules } from './rules/rules.ts'

export interface RuleKeepingComponents {
  config: Config
  self: string
  startedAt: number
  catalog: CatalogPort
  roster: Roster
  presence: Pick<PresencePort, 'of'>
  browse: Pick<BrowsePort, 'holders'>
  replicas: Pick<ReplicasPort, 'get' | 'isPaused' | 'claim' | 'unclaim'>
  islandNamed(text: string): string
  policy: PolicyPort
  journal: JournalPort
  logger: (component: string) => Logger
}

export function ruleKeeping(components: RuleKeepingComponents): RulesPort {
  const { config, self, startedAt, catalog, roster, presence, browse, replicas, policy, journal, logger } = components

  function silentMs(island: string): number {
    const { liveness, lastSeen } = presence.of(island)
    return island === self || liveness === 'live' ? 0 : Date.now() - (lastSeen ?? startedAt)
  }

  return rules(
    { self, claimMs: config.rules.claimMs, lostMs: config.rules.lostMs },
    {
      catalog,
      members: () => roster.all().map(({ id }) => id),
      card: roster.card,
      nameOf: roster.nameOf,
      islandNamed: components.islandNamed,
      silentMs,
      holders: browse.holders,
      claim: replicas.claim,
      unclaim: replicas.unclaim,
      bring: ({ id, publisher, version }, { priority, ...options }) =>
        replicas.get({ ref: `${id}@${publisher}`, version, priority }, { ...options, by: options.user }),
      paused: replicas.isPaused,
      policy,
      journal,
      newId: () => newId('rule'),
      logger: logger('rules'),
    },
  )
}
