/** Real islands in this process, and keys of members, strangers and the revoked to come to them with. */
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { createArchipelago, joinArchipelago } from '../../src/node/archipelago.ts'
import type { Config } from '../../src/node/config/schema.ts'
import { devConfig } from '../../src/node/dev.ts'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { type KeyPair, newKeyPair, readKeyFile } from '../../src/node/identity/keys.ts'
import { type StartedIsland, startIsland } from '../../src/node/island.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import { eventually } from '../kit/index.ts'
import { type RawInit, type RawPeer, rawPeer } from './raw-peer.ts'

/** What this needs of a test. */
export interface Context {
  readonly signal: AbortSignal
  cleanup(fn: () => unknown): void
  tmpdir(): Promise<string>
}

export interface Home extends StartedIsland {
  dataDir: string
  config: Config
}

/** A member without an island: its key, which islands accept. */
export interface Member {
  name: string
  island: string
  peerId: string
  key: KeyPair
  dataDir: string
}

const SETTINGS = {
  'engine.kind': 'disabled',
  'web.enabled': false,
  'catalog.syncIntervalMs': 1000,
  'catalog.heartbeatMs': 1000,
}
/** The digest of no catalog. */
const NOTHING = createHash('sha256').digest('hex')
const LOGGER = pino({ level: process.env.ARCHIPEL_TEST_LOG ?? 'silent' }, pino.destination(2))

export async function found(t: Context, name: string, settings: Record<string, unknown> = {}): Promise<Home> {
  const config = devConfig(join(await t.tmpdir(), name), name, { ...SETTINGS, ...settings })
  await createArchipelago({ config, name: `of ${name}` })
  return await up(t, config)
}

export async function joined(
  t: Context,
  at: Home,
  name: string,
  settings: Record<string, unknown> = {},
): Promise<Home> {
  const config = devConfig(join(await t.tmpdir(), name), name, { ...SETTINGS, ...settings })
  await joinArchipelago({ config, ticket: await ticketOf(at), signal: t.signal })
  return await up(t, config)
}

/** Starts an island of a data directory, again, too. */
export async function up(t: Context, config: Config): Promise<Home> {
  const island = await startIsland({ config, signal: t.signal, logger: LOGGER.child({ island: config.name }) })
  t.cleanup(async () => island.stop())
  return { ...island, dataDir: config.dataDir, config }
}

/** Stopped, and started again. */
export async function restarted(t: Context, home: Home): Promise<Home> {
  await home.stop()
  return await up(t, home.config)
}

export async function ticketOf(at: Home, settings: { expiresMs?: number; mayInvite?: boolean } = {}): Promise<string> {
  return (await at.port.invite({ local: true, ...settings })).ticket
}

/** Joins without ever starting an island. */
export async function member(t: Context, at: Home, name: string): Promise<Member> {
  const config = devConfig(join(await t.tmpdir(), name), name, SETTINGS)
  const { island } = await joinArchipelago({ config, ticket: await ticketOf(at), signal: t.signal })
  const key = (await readKeyFile(pathIn(config.dataDir, 'key')))!
  return { name, island: island.id, peerId: peerIdOf(key.publicKey), key, dataDir: config.dataDir }
}

export function strangerKey(): KeyPair {
  return newKeyPair()
}

export async function raw(t: Context, init: RawInit): Promise<RawPeer> {
  const peer = await rawPeer(init)
  t.cleanup(async () => peer.stop())
  return peer
}

export async function digest(home: Home): Promise<string> {
  return (await home.port.status()).catalog.digest
}

/** All have the same catalog, and its members are so many. */
export async function settled(t: Context, homes: Home[], members = homes.length): Promise<string> {
  return await eventually(
    async () => {
      const states = await Promise.all(homes.map(async (h) => h.port.status()))
      const digests = new Set(states.map((s) => s.catalog.digest))
      // Until islands have met after their start, they tell nothing at all.
      if (states.some((s) => s.catalog.digest === NOTHING)) throw new Error('a catalog is empty')
      if (digests.size !== 1) throw new Error(`not settled: ${[...digests].map((d) => d.slice(0, 8)).join(' ')}`)
      if (states.some((s) => s.peers.members !== members))
        throw new Error(`members: ${states.map((s) => s.peers.members).join(' ')}`)
      if (states.some((s) => s.peers.connected < homes.length - 1)) throw new Error('not all are connected')
      return states[0]!.catalog.digest
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
}

/** A real change that the others are told of. */
export async function change(home: Home, name: string): Promise<void> {
  // Beside the data directory, whose own files are not published.
  const path = `${home.dataDir}-${name}.bin`
  await writeFile(path, randomBytes(64))
  await home.port.publish({ path, name, as: 'files' })
}
