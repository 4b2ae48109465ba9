/** The store and the catalog on it: what `create`, `leave` and the daemon have in common. */
import type { Logger } from 'pino'
import { decodeRecord } from '../protocols/record/envelope.ts'
import { signerFromSeed } from '../protocols/record/keys.ts'
import { catalog } from './catalog/catalog.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import { pathIn } from './identity/data-dir.ts'
import type { KeyPair } from './identity/keys.ts'
import type { MembershipFile } from './identity/membership-file.ts'
import type { StorePort } from './store/port.ts'
import { openStore } from './store/store.ts'

export interface Logs {
  store: StorePort
  catalog: CatalogPort
  close(): Promise<void>
}

const DAY_MS = 86_400_000

/** Opens the data directory's store, which locks it. The catalog is not started. @throws DATA_DIR_LOCKED, STORE_VERSION, DATA_DIR_BROKEN */
export async function openLogs(init: {
  dataDir: string
  membership: MembershipFile
  key: KeyPair
  config: Config
  logger: Logger
}): Promise<Logs> {
  const { membership, config } = init
  const store = await openStore({ directory: pathIn(init.dataDir, 'store') })
  const port = catalog(
    {
      archipelagoId: membership.archipelago.id,
      genesis: membership.archipelago.genesis,
      self: membership.island.id,
      tombstoneMs: config.catalog.tombstoneDays * DAY_MS,
      maxClockSkewMs: config.catalog.maxClockSkewMs,
    },
    { store: store.logs, signer: signerFromSeed(init.key.seed), logger: init.logger },
  )
  return {
    store,
    catalog: port,
    async close() {
      await port.stop()
      await store.close()
    },
  }
}

/** Tells a started catalog what the membership file knows, so that an island whose store was lost still trusts its peers. */
export async function seedFacts(port: CatalogPort, membership: MembershipFile): Promise<void> {
  await port.addFacts(membership.facts.map((bytes) => decodeRecord(bytes)))
}
