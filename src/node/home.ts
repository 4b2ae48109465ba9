/** Who an island is and what it remembers: what is read and opened before anything else of it. */
import type { Logger } from 'pino'
import { ArchipelError } from '../protocols/model/errors.ts'
import { joiningEnded, memberKey, type Named } from './archipelago.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import { checkParts, ensureDataDir, pathIn } from './identity/data-dir.ts'
import { type KeyPair, readKeyFile } from './identity/keys.ts'
import { type MembershipFile, readMembership } from './identity/membership-file.ts'
import { ownerToken } from './identity/owner-token.ts'
import { openTokenBook, type TokenBook } from './identity/token-book.ts'
import { type JournalPort, journal } from './journal/journal.ts'
import { levelJournal } from './journal/level-journal.ts'
import { openLogs, seedFacts } from './logs.ts'
import { type Roster, roster } from './members/roster.ts'
import { peerIdOf } from './network/peer-id.ts'
import { memberPolicy, type PolicyPort } from './policy/policy.ts'
import type { StorePort } from './store/port.ts'

export interface Home {
  membership: MembershipFile
  /** Own id. */
  self: string
  archipelago: Named
  key: KeyPair
  adminKey: KeyPair | undefined
  store: StorePort
  catalog: CatalogPort
  journal: JournalPort
  tokens: TokenBook
  policy: PolicyPort
  roster: Roster
}

/**
 * Opens the data directory and locks it. What has to be closed again is pushed onto `undo`, also where this fails.
 * @throws NO_ARCHIPELAGO, DATA_DIR_LOCKED, DATA_DIR_BROKEN, STORE_VERSION
 */
export async function openHome(
  init: { config: Config; signal: AbortSignal; logger: (component: string) => Logger },
  undo: (() => unknown)[],
): Promise<Home> {
  const { config, logger } = init
  const membership = await readMembership(config.dataDir)
  if (membership === undefined) throw new ArchipelError('NO_ARCHIPELAGO', 'this island belongs to no archipelago yet')
  await ensureDataDir(config.dataDir)
  await checkParts(config.dataDir)
  await joiningEnded(config.dataDir)
  const key = await memberKey(config.dataDir, membership)
  const adminKey = await readKeyFile(pathIn(config.dataDir, 'adminKey'))
  const token = await ownerToken(config.dataDir)
  const self = membership.island.id

  const logs = await openLogs({ dataDir: config.dataDir, membership, key, config, logger: logger('catalog') })
  undo.push(() => logs.close())
  const { store, catalog } = logs
  await catalog.start({ signal: init.signal })
  await seedFacts(catalog, membership)
  const log = logger('island')
  const diary = journal({
    store: levelJournal(store),
    onError: (error) => log.error({ err: error }, 'the journal could not be written'),
  })
  const tokens = await openTokenBook({
    path: pathIn(config.dataDir, 'tokens'),
    owner: token,
    onError: (error) => log.error({ err: error }, 'the last use of a token could not be written'),
  })
  undo.push(() => tokens.stop())
  const who = roster({ catalog, peerIdOf })
  await who.refresh()
  return {
    membership,
    self,
    archipelago: { id: membership.archipelago.id, name: membership.archipelago.name },
    key,
    adminKey,
    store,
    catalog,
    journal: diary,
    tokens,
    policy: memberPolicy({
      self,
      ...config.policy.forwarded,
      fetch: config.policy.fetch.from,
      fetchAllow: config.policy.fetch.allow,
      rules: config.rules.accept,
      replicate: config.policy.replicate.from,
      replicateAllow: config.policy.replicate.allow,
    }),
    roster: who,
  }
}
