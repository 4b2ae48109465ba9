/** An archipelago in one process: for development, and the harness of the network tests. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createArchipelago, joinArchipelago, type Named } from './archipelago.ts'
import { loadConfig } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { pathIn } from './identity/data-dir.ts'
import { readMembership } from './identity/membership-file.ts'
import { type StartedIsland, startIsland } from './island.ts'

export interface DevIsland {
  name: string
  id: string
  url: string
  token: string
  dataDir: string
  /** Ends this one before the others. */
  stop(): Promise<void>
}

export interface Dev {
  archipelago: Named
  islands: DevIsland[]
  stop(): Promise<void>
}

export interface DevInit {
  islands: number
  /** A temporary directory, removed at the end, when undefined. */
  baseDir: string | undefined
  signal: AbortSignal
  logger: Logger
}

const NAMES = [
  'azores',
  'bonaire',
  'corsica',
  'delos',
  'elba',
  'faroe',
  'gotland',
  'hvar',
  'iona',
  'java',
  'kos',
  'lesbos',
  'malta',
  'naxos',
  'oahu',
  'paros',
  'quemoy',
  'rhodes',
  'samoa',
  'tonga',
]
const MAX_ISLANDS = 50
const TICKET_MS = 3_600_000

/** Islands of one archipelago, all reachable on loopback, on free ports. */
export async function startDev(init: DevInit): Promise<Dev> {
  const count = Math.min(Math.max(1, init.islands), MAX_ISLANDS)
  const temporary = init.baseDir === undefined
  const baseDir = init.baseDir ?? (await mkdtemp(join(tmpdir(), 'archipel-dev-')))
  const running: StartedIsland[] = []
  const stop = async () => {
    await Promise.all(running.splice(0).map(async (island) => island.stop()))
    if (temporary) await rm(baseDir, { recursive: true, force: true })
  }
  try {
    const islands: DevIsland[] = []
    for (let i = 0; i < count; i++) {
      init.signal.throwIfAborted()
      const config = devConfig(join(baseDir, nameOf(i)), nameOf(i))
      const logger = init.logger.child({ island: nameOf(i) })
      if (!(await isMember(config.dataDir))) {
        if (i === 0) await createArchipelago({ config, name: 'dev' })
        else {
          const { ticket } = await running[0]!.port.invite({ local: true, expiresMs: TICKET_MS })
          await joinArchipelago({ config, ticket, signal: init.signal, logger })
        }
      }
      const island = await startIsland({ config, signal: init.signal, logger })
      running.push(island)
      islands.push({
        name: island.name,
        id: island.id,
        url: island.url ?? '',
        token: (await readFile(pathIn(config.dataDir, 'token'), 'utf8')).trim(),
        dataDir: config.dataDir,
        stop: () => island.stop(),
      })
    }
    return { archipelago: running[0]!.archipelago, islands, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Settings of a development island: loopback, free ports, quick rounds. */
export function devConfig(dataDir: string, name: string, settings: Record<string, unknown> = {}): Config {
  return loadConfig({
    env: {},
    flags: {
      dataDir,
      settings: {
        name,
        'network.listen': ['/ip4/127.0.0.1/tcp/0'],
        'web.port': 0,
        'transfers.https.listen': '127.0.0.1:0',
        'catalog.syncIntervalMs': 5000,
        'catalog.heartbeatMs': 3000,
        ...settings,
      },
    },
  })
}

function nameOf(i: number): string {
  const name = NAMES[i % NAMES.length]!
  return i < NAMES.length ? name : `${name}-${Math.floor(i / NAMES.length) + 1}`
}

async function isMember(dataDir: string): Promise<boolean> {
  return (await readMembership(dataDir)) !== undefined
}
