/** An archipelago of any size without its network: keys, admissions and catalogs on the real store, as files. */
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { catalog } from '../../src/node/catalog/catalog.ts'
import type { CatalogPort, SyncRemote } from '../../src/node/catalog/port.ts'
import { ensureDataDir, pathIn } from '../../src/node/identity/data-dir.ts'
import { keyPairFromSeed, newKeyPair, writeKeyFile } from '../../src/node/identity/keys.ts'
import { writeMembership } from '../../src/node/identity/membership-file.ts'
import { openStore } from '../../src/node/store/store.ts'
import { decodeRecord, type SignedRecord } from '../../src/protocols/record/envelope.ts'
import { archipelagoIdOf, buildFirstCard, buildGenesis, islandIdOf } from '../../src/protocols/record/genesis.ts'
import { type Signer, signerFromSeed } from '../../src/protocols/record/keys.ts'
import { acceptCard, buildAdmission, MEMBER_KIND } from '../../src/protocols/record/member-facts.ts'
import type { BenchContext } from './bench.ts'
import { datasetRecord, replicaRecord } from './bodies.ts'

export interface Member {
  id: string
  name: string
  seed: Uint8Array
  publicKey: Uint8Array
  card: Uint8Array
  signer: Signer
}

export interface Archipelago {
  id: string
  genesis: Uint8Array
  members: Member[]
  /** The admissions of all, as records. */
  facts: SignedRecord[]
}

export interface OpenCatalog {
  catalog: CatalogPort
  member: Member
  close(): Promise<void>
}

/** One in so many records is a replica. */
const REPLICA_EVERY = 20
/** Entries of one `appendMany`. */
export const BATCH = 1000

/** Founded by the first member, which admits the others: that stands in its log, in the database `store`. */
export async function foundArchipelago(count: number, store: string): Promise<Archipelago> {
  const admin = signerFromSeed(newKeyPair().seed)
  const created = Date.now()
  const genesis = buildGenesis({ name: 'bench', admins: [admin.publicKey], created })
  const id = archipelagoIdOf(genesis)
  const members = Array.from({ length: count }, (_, i) => memberOf(newKeyPair().seed, i, created))
  const inviter = members[0]!
  const archipelago: Archipelago = { id, genesis, members, facts: [] }
  const first = await openCatalog(archipelago, inviter, store)
  const entries = members.map(({ card, signer }, i) => {
    const acceptance = acceptCard({ archipelagoId: id, inviter: inviter.id, card, signer })
    const named = { archipelagoId: id, card, inviter: inviter.id, acceptance, mayInvite: true }
    return { kind: MEMBER_KIND, ...buildAdmission({ ...named, ...(i === 0 ? { admin } : {}) }) }
  })
  archipelago.facts = await first.catalog.appendMany(entries)
  await first.close()
  return archipelago
}

function memberOf(seed: Uint8Array, i: number, created: number, card?: Uint8Array): Member {
  const { publicKey } = keyPairFromSeed(seed)
  const name = `island${i}`
  const first = card ?? buildFirstCard({ name, key: publicKey, created })
  return { id: islandIdOf(first), name, seed, publicKey, card: first, signer: signerFromSeed(seed) }
}

/** A real catalog on a real database in `directory`, started. Close it before it is copied. */
export async function openCatalog(archipelago: Archipelago, member: Member, directory: string): Promise<OpenCatalog> {
  const store = await openStore({ directory })
  const port = catalog(
    { archipelagoId: archipelago.id, genesis: archipelago.genesis, self: member.id },
    { store: store.logs, signer: member.signer },
  )
  await port.start()
  await port.addFacts(archipelago.facts)
  return {
    catalog: port,
    member,
    async close() {
      await port.stop()
      await store.close()
    },
  }
}

/** `to` as `from` talks to it, without a network between. */
export function directRemote(to: CatalogPort, from: string): SyncRemote {
  return {
    peer: to.self,
    digest: (request) => to.handleDigest(from, request),
    heads: (request) => to.handleHeads(from, request),
    pull: (request, options) => to.handlePull(from, request, options),
    orphans: (request, options) => to.handleOrphans(from, request, options),
  }
}

/** After a start an island sends nothing of its own log before somebody said what is known of it: nobody knows more. */
export async function letSend(port: CatalogPort, peer: string): Promise<void> {
  const nothing = async () => ({ heads: [] })
  const digest = async () => ({ same: true, now: Date.now(), yours: null })
  await port.syncWith({ peer, digest, heads: nothing, async *pull() {}, async *orphans() {} })
}

/** `to` learns all that `from` knows, its own log included. */
export async function copyCatalog(from: CatalogPort, to: CatalogPort): Promise<void> {
  await letSend(from, to.self)
  await to.syncWith(directRemote(from, to.self))
}

/** Until every single signature was checked: only then others can pull it from here. */
export async function allVerified(port: CatalogPort, signal: AbortSignal): Promise<void> {
  while (port.status().unverified > 0) {
    signal.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The files of an island that has joined, ready for `up`. The store may be given. */
export async function writeIsland(
  archipelago: Archipelago,
  member: Member,
  dataDir: string,
  options: { store?: string; contacts?: { peerId: string; addresses: string[] }[] } = {},
): Promise<void> {
  await ensureDataDir(dataDir)
  await writeKeyFile(pathIn(dataDir, 'key'), keyPairFromSeed(member.seed))
  await writeMembership(dataDir, {
    version: 1,
    archipelago: { id: archipelago.id, name: 'bench', genesis: archipelago.genesis },
    island: { id: member.id, name: member.name, card: member.card },
    facts: archipelago.facts.map((f) => f.bytes),
    contacts: options.contacts ?? [],
  })
  if (options.store !== undefined) await cp(options.store, pathIn(dataDir, 'store'), { recursive: true })
}

export interface LargeCatalog {
  archipelago: Archipelago
  /** The database of the first member, with all records, every signature checked. */
  store: string
  /** Databases of the members that wrote them: each its own log. */
  origins: string[]
  /** Live records, those of members included. */
  records: number
  datasets: number
}

/**
 * `scale.records` records in the logs of `scale.islands` origins, made once in a run. One member more is admitted that
 * has written nothing: the last.
 */
export async function largeCatalog({ scale, shared, say, signal }: BenchContext): Promise<LargeCatalog> {
  const base = join(shared, `catalog-${scale.islands}-${scale.records}`)
  const done = join(base, 'done.json')
  if (!existsSync(done)) {
    say(`making a catalog of ${scale.records} records of ${scale.islands} islands, once`)
    await rm(base, { recursive: true, force: true })
    await mkdir(base, { recursive: true })
    const archipelago = await foundArchipelago(scale.islands + 1, join(base, 'origin-0'))
    const hub = await openCatalog(archipelago, archipelago.members[0]!, join(base, 'origin-0'))
    const each = Math.floor(scale.records / scale.islands)
    let datasets = 0
    for (let i = 0; i < scale.islands; i++) {
      signal.throwIfAborted()
      const member = archipelago.members[i]!
      const origin = i === 0 ? hub : await openCatalog(archipelago, member, join(base, `origin-${i}`))
      datasets += await fill(origin, i * each, each)
      if (i === 0) continue
      await copyCatalog(origin.catalog, hub.catalog)
      await origin.close()
    }
    await allVerified(hub.catalog, signal)
    const { records } = hub.catalog.status()
    await hub.close()
    const saved = {
      records,
      datasets,
      genesis: hex(archipelago.genesis),
      members: archipelago.members.map((m) => ({ seed: hex(m.seed), card: hex(m.card) })),
      facts: archipelago.facts.map((f) => hex(f.bytes)),
    }
    await writeFile(`${done}.new`, JSON.stringify(saved))
    await rename(`${done}.new`, done)
  }
  const saved = JSON.parse(await readFile(done, 'utf8'))
  const genesis = unhex(saved.genesis)
  const archipelago: Archipelago = {
    id: archipelagoIdOf(genesis),
    genesis,
    members: saved.members.map((m: { seed: string; card: string }, i: number) =>
      memberOf(unhex(m.seed), i, 0, unhex(m.card)),
    ),
    facts: saved.facts.map((f: string) => decodeRecord(unhex(f))),
  }
  const origins = Array.from({ length: scale.islands }, (_, i) => join(base, `origin-${i}`))
  return { archipelago, store: origins[0]!, origins, records: saved.records, datasets: saved.datasets }
}

/** @returns how many of the records are datasets */
async function fill({ catalog: port, member }: OpenCatalog, first: number, count: number): Promise<number> {
  const replicas = Math.floor(count / REPLICA_EVERY)
  const entries = Array.from({ length: count - replicas }, (_, n) => datasetRecord(first + n))
  for (let n = 0; n < replicas; n++) entries.push(replicaRecord(member.id, entries[n]!))
  for (let i = 0; i < entries.length; i += BATCH) await port.appendMany(entries.slice(i, i + BATCH))
  return count - replicas
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
