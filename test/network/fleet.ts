/** Islands as processes of their own, driven by the command line: what the network tests are made of. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { IslandStatus, IslandView } from '../../src/protocols/model/views.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import { eventually, freePort } from '../kit/index.ts'

/** What the fleet needs of a test. */
export interface TestContext {
  signal: AbortSignal
  cleanup(fn: () => unknown): void
  tmpdir(): Promise<string>
}

export interface IslandOptions {
  /** Further settings, `path=value`. */
  set?: string[]
  /** Name of a network namespace to live in; its web service is then reached by the command line only. */
  netns?: string
  /** Multiaddr to listen on; 'none' for an island that only dials out. Default: loopback, any port, the same after a restart. */
  listen?: string
  announce?: string
  /** Of its web service, where it has to be the same after a restart. Default: any. */
  webPort?: number
  /** Further environment of the daemon, read at each start. */
  env?: Record<string, string>
  /** Another program than this tree's command line. */
  main?: string
  /** How far its clock is off while it is up: '+1h', '-90m'. Needs `hasFakeClock`. */
  clock?: string
}

export interface FleetIsland {
  name: string
  dataDir: string
  /** Of the site: for files to publish. */
  files: string
  options: IslandOptions
  /** Of its libp2p address, the same after a restart. */
  port: number
  process: ChildProcess | undefined
  /** What it wrote to stderr since its last start. */
  log: () => string
  client: () => IslandClient
}

const MAIN = fileURLToPath(new URL('../../src/node/cli/main.ts', import.meta.url))
const START_MS = 30_000
const QUICK = ['catalog.syncIntervalMs=2s', 'catalog.heartbeatMs=1s']

export class Fleet {
  readonly islands: FleetIsland[] = []
  private readonly context: TestContext
  private readonly base: string

  private constructor(context: TestContext, base: string) {
    this.context = context
    this.base = base
  }

  static async create(context: TestContext): Promise<Fleet> {
    const fleet = new Fleet(context, await context.tmpdir())
    context.cleanup(async () => fleet.stopAll())
    return fleet
  }

  /** One command at an island's data directory. @returns stdout; rejects with `{code, stderr}` when it fails */
  async run(island: FleetIsland, args: string[], options: { json?: boolean } = {}): Promise<string> {
    const command = this.command(island, [
      ...args,
      '--data-dir',
      island.dataDir,
      ...(options.json === false ? [] : ['--json']),
    ])
    return await new Promise((resolve, reject) => {
      execFile(
        command[0]!,
        command.slice(1),
        { env: environment(), signal: this.context.signal, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          // `status` ends with 1 when something is wrong, and says what.
          if (error === null || (args[0] === 'status' && stdout.startsWith('{'))) resolve(stdout)
          else
            reject(
              Object.assign(new Error(`archipel ${args.join(' ').slice(0, 80)}: ${stderr || error.message}`), {
                exit: error.code,
                stderr,
              }),
            )
        },
      )
    })
  }

  async json<T>(island: FleetIsland, args: string[]): Promise<T> {
    return JSON.parse(await this.run(island, args)) as T
  }

  private command(island: FleetIsland, args: string[]): string[] {
    const own = [process.execPath, island.options.main ?? MAIN, ...args]
    return island.options.netns === undefined ? own : ['ip', 'netns', 'exec', island.options.netns, ...own]
  }

  private settings(island: FleetIsland): string[] {
    const { set = [], listen, announce, webPort = 0 } = island.options
    const all = [...QUICK, ...set].flatMap((s) => ['--set', s])
    return [
      '--name',
      island.name,
      '--web-port',
      String(webPort),
      '--log-level',
      process.env.ARCHIPEL_TEST_LOG ?? 'warn',
      '--listen',
      listen ?? `/ip4/127.0.0.1/tcp/${island.port}`,
      ...(announce === undefined ? [] : ['--announce', announce]),
      ...all,
    ]
  }

  private async add(name: string, options: IslandOptions): Promise<FleetIsland> {
    let client: { url: string; made: IslandClient } | undefined
    const island: FleetIsland = {
      name,
      dataDir: join(this.base, name),
      files: filesOf(this.base, name),
      options,
      port: await freePort(),
      process: undefined,
      log: () => '',
      client: () => {
        const { url } = JSON.parse(readFileNow(join(island.dataDir, 'daemon.json'))) as { url: string }
        if (client?.url !== url) {
          void client?.made.close()
          client = { url, made: createClient({ url, token: readFileNow(join(island.dataDir, 'owner.token')).trim() }) }
          const { made } = client
          this.context.cleanup(async () => made.close())
        }
        return client.made
      },
    }
    this.islands.push(island)
    return island
  }

  /** Makes the archipelago at a first island, and starts it. */
  async found(name: string, options: IslandOptions = {}, archipelago = 'test'): Promise<FleetIsland> {
    const island = await this.add(name, options)
    await this.run(island, ['create', archipelago, '--name', name])
    await this.up(island)
    return island
  }

  async invite(at: FleetIsland, args: string[] = []): Promise<string> {
    return (await this.json<{ ticket: string }>(at, ['invite', '--local', ...args])).ticket
  }

  /** Joins by a ticket of `at`, and starts. */
  async join(
    name: string,
    at: FleetIsland,
    options: IslandOptions = {},
    ticketArgs: string[] = [],
  ): Promise<FleetIsland> {
    const island = await this.add(name, options)
    const ticket = await this.invite(at, ticketArgs)
    await this.run(island, ['join', ticket, '--no-up', '--name', name])
    await this.up(island)
    return island
  }

  /** A second island with the files, and so the key, of a stopped one. */
  async copyOf(island: FleetIsland, name: string): Promise<FleetIsland> {
    const copy = await this.add(name, { ...island.options })
    await cp(island.dataDir, copy.dataDir, { recursive: true })
    return copy
  }

  async up(island: FleetIsland): Promise<void> {
    await mkdir(island.dataDir, { recursive: true })
    await rm(join(island.dataDir, 'daemon.json'), { force: true })
    const command = [
      ...fakeClock(island.options.clock),
      ...this.command(island, ['up', '--data-dir', island.dataDir, ...this.settings(island)]),
    ]
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...environment(), ...island.options.env },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    let log = ''
    child.stderr.on('data', (chunk) => {
      log = (log + chunk).slice(-200_000)
    })
    island.process = child
    island.log = () => log
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`${island.name} ended with ${child.exitCode}: ${log}`)
        return existsSync(join(island.dataDir, 'daemon.json'))
      },
      { timeoutMs: START_MS, signal: this.context.signal },
    )
  }

  /** SIGTERM by default; waits for the end. @returns the exit code */
  async stop(island: FleetIsland, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = island.process
    island.process = undefined
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
    process.kill(-child.pid, signal)
    return await ended
  }

  async stopAll(): Promise<void> {
    await Promise.all(
      this.islands.map(async (island) => {
        const child = island.process
        if (child?.pid !== undefined && child.exitCode === null) {
          try {
            process.kill(-child.pid, 'SIGCONT')
          } catch {
            // It ended meanwhile.
          }
        }
        const forced = setTimeout(() => child?.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), 8_000)
        await this.stop(island).catch(() => {})
        clearTimeout(forced)
      }),
    )
  }

  status(island: FleetIsland): Promise<IslandStatus> {
    return island.options.netns === undefined ? island.client().status() : this.json<IslandStatus>(island, ['status'])
  }

  async views(island: FleetIsland): Promise<IslandView[]> {
    return island.options.netns === undefined
      ? (await island.client().islands()).items
      : await this.json<IslandView[]>(island, ['islands'])
  }

  /** All of them hold the same records, and (at least) so many datasets among them. @returns the digest */
  async converged(islands: FleetIsland[], options: { timeoutMs?: number; datasets?: number } = {}): Promise<string> {
    let digest = ''
    await eventually(
      async () => {
        const all = await Promise.all(islands.map(async (i) => (await this.status(i)).catalog))
        const digests = new Set(all.map((c) => c.digest))
        if (digests.size !== 1)
          throw new Error(
            `not converged: ${islands.map((i, n) => `${i.name} ${all[n]!.records} records ${all[n]!.digest.slice(0, 8)}`).join(', ')}`,
          )
        const fewest = Math.min(...all.map((c) => c.datasets))
        if (fewest < (options.datasets ?? 0)) throw new Error(`only ${fewest} datasets`)
        digest = all[0]!.digest
      },
      { timeoutMs: options.timeoutMs ?? 20_000, intervalMs: 100, signal: this.context.signal },
    )
    return digest
  }
}

/** Only the time of day is another one: what measures durations goes on as it is. */
function fakeClock(offset: string | undefined): string[] {
  if (offset === undefined) return []
  const library = 'LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1'
  return ['env', library, `FAKETIME=${offset}`, 'FAKETIME_DONT_FAKE_MONOTONIC=1']
}

/** Whether libfaketime is here, and works. */
export function hasFakeClock(): boolean {
  const [command, ...args] = [...fakeClock('+30d'), 'date', '+%s']
  return Number(execFileSync(command!, args, { encoding: 'utf8' })) * 1000 > Date.now() + 86_400_000
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('ARCHIPEL_') || name === 'ARCHIPEL_TEST_LOG'),
  )
}

function readFileNow(path: string): string {
  return readFileSync(path, 'utf8')
}

function filesOf(base: string, name: string): string {
  const folder = join(base, `${name}-files`)
  mkdirSync(folder, { recursive: true })
  return folder
}
