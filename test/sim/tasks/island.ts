import { pino } from 'pino'
import type { Placement, PlacementData, PlacementPort } from '../../../src/node/placement/port.ts'
import type { Clock } from '../../../src/node/tasks/clock.ts'
import { taskStore, type WritePoint } from '../../../src/node/tasks/store/task-store.ts'
import { type Tasks, type TasksInit, tasks } from '../../../src/node/tasks/tasks.ts'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import type { JournalEntry } from '../../../src/protocols/model/views.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Process, TaskNet } from './net.ts'
import { outlivingEngine } from './outliving.ts'
import { SimSpool } from './spool.ts'
import { SimStore } from './store.ts'
import { type Ledger, simAnalyser, simEngine } from './work.ts'

/** What all islands of a simulated archipelago share. */
export interface TaskWorld {
  scheduler: Scheduler
  net: TaskNet
  ledger: Ledger
  random: Random
  /** Datasets by id: who holds them, and the version. */
  datasets: Map<string, { holders: Set<string>; version: string }>
  islands: Map<string, SimIsland>
}

export interface SimIslandInit {
  id: string
  requester?: Partial<TasksInit['requester']>
  provider?: Partial<TasksInit['provider']>
  /** Its work is elsewhere, and goes on while it is down. */
  outliving?: Parameters<typeof outlivingEngine>[3]
}

const silent = pino({ level: 'silent' })

/** An island of which only the tasks are real: on a disk, a network and a clock that can fail. */
export class SimIsland {
  readonly id: string
  readonly #world: TaskWorld
  readonly #init: SimIslandInit
  readonly #random: Random
  store: SimStore
  spool: SimSpool
  tasks: Tasks | undefined
  process: Process | undefined
  /** Refused while set. */
  forbids = false
  /** What publishing throws while set. */
  unpublishable: ArchipelError | undefined
  /** Held files changed meanwhile. */
  stale = false
  /** Hashes of the main files that were uploaded here. */
  mains = new Set<string>()
  journal: Omit<JournalEntry, 'time'>[] = []
  /** Called around each durable write; may crash the island. */
  onWrite: ((point: WritePoint, when: 'before' | 'after') => void) | undefined
  #lastId = 0

  constructor(world: TaskWorld, init: SimIslandInit) {
    this.id = init.id
    this.#world = world
    this.#init = init
    this.#random = world.random.split()
    const random = this.#random.split()
    const latency = () => world.scheduler.delay(0.5 + random() * 4)
    this.store = new SimStore({ random, latency })
    this.spool = new SimSpool({ random, latency })
    world.islands.set(init.id, this)
  }

  get isUp(): boolean {
    return this.process?.alive === true
  }

  async start(): Promise<void> {
    const { scheduler, net, datasets, ledger } = this.#world
    const { id } = this
    const process: Process = {
      island: id,
      alive: true,
      handlers: undefined as never,
      ready: new Set(),
      death: Promise.withResolvers(),
    }
    this.process = process
    const alive = () => process.alive
    const clock: Clock = {
      now: () => Math.floor(scheduler.now),
      elapsed: () => scheduler.now,
      after: (ms, fn) => scheduler.after(ms, () => process.alive && fn()),
    }
    const store = taskStore({
      store: this.store,
      failpoint: async (point, when) => {
        if (process.alive) this.onWrite?.(point, when)
        if (!process.alive) await new Promise(() => {})
      },
    })
    const locate = async (ref: string): Promise<PlacementData> => {
      const found = datasets.get(ref)
      if (found === undefined) throw new ArchipelError('DATASET_NOT_FOUND', `nobody publishes ${ref}`)
      const holders = [...found.holders].map((island) => ({
        island,
        state: 'available' as const,
        version: found.version,
        via: ['catalog' as const],
        freshness: scheduler.now,
        confirmed: false,
      }))
      return { table: ref, id: ref, publisher: holders[0]?.island ?? '', version: found.version, bytes: 1000, holders }
    }
    const made = tasks(
      {
        self: id,
        requester: { leaseMs: 8_000, ...this.#init.requester },
        provider: { slots: 2, claimMs: 10_000, ...this.#init.provider },
      },
      {
        clock,
        store,
        spool: this.spool,
        remotes: (here) => {
          process.handlers = here
          return net.remotes(process)
        },
        placement: this.#placement(process),
        analyser: simAnalyser,
        locate,
        holders: (ref) => locate(ref.id),
        islandNamed: (text) => text,
        nameOf: (island) => island.slice(0, 6),
        isMember: () => true,
        policy: {
          check: ({ island }) => {
            if (this.forbids && island !== id) throw new ArchipelError('FORBIDDEN', 'not here')
          },
        },
        journal: { write: (entry) => void this.journal.push(entry), read: async () => ({ items: [] }) },
        publish: async (view) => {
          await scheduler.delay(20)
          if (!process.alive) await new Promise(() => {})
          if (this.unpublishable !== undefined) throw this.unpublishable
          return { id: view.publish?.id ?? '', version: `of ${view.result?.items.map((i) => i.sha256).join()}` }
        },
        newId: () => `${Math.floor(scheduler.now).toString(36)}${String(this.#lastId++).padStart(6, '0')}`,
        engine:
          this.#init.outliving === undefined
            ? simEngine(id, alive, { scheduler, ledger })
            : outlivingEngine(id, alive, { scheduler, ledger }, this.#init.outliving),
        mains: { find: async ({ name, sha256 }) => (this.mains.has(sha256) ? { name, sha256, bytes: 10 } : undefined) },
        main: async ({ batch, code }, from) => {
          await scheduler.delay(5)
          return batch?.main === undefined ? `/code/${code.length}` : `/from/${from}/${batch.main.sha256}`
        },
        data: {
          bind: async (tables) => {
            for (const { id: dataset } of tables) {
              if (datasets.get(dataset)?.holders.has(id) !== true)
                throw new ArchipelError('DATASET_NOT_FOUND', `${dataset} is not held here`)
              if (this.stale) throw new ArchipelError('STALE', `the files of ${dataset} changed`)
            }
            return []
          },
          recheck: async () => {},
        },
        logger: silent,
      },
    )
    this.tasks = made
    await made.start()
    if (!process.alive) return
    net.join(process)
    await made.resume()
  }

  /** Power is cut. */
  crash(): void {
    const { process } = this
    if (process === undefined) return
    this.#world.net.leave(process)
    this.store = this.store.crash()
    this.spool = this.spool.crash()
    this.process = undefined
    this.tasks = undefined
  }

  /** Ends in order. */
  async stop(options?: { forGood?: boolean }): Promise<void> {
    const { process } = this
    await this.tasks?.stop(options)
    if (this.process === process) this.crash()
  }

  /** Holders that answer now, this island first, then in the order of their ids. */
  #placement(process: Process): PlacementPort {
    const { net, scheduler } = this.#world
    const random = this.#random.split()
    return {
      place: async ({ datasets, on, excluded = [] }, { confirm }): Promise<Placement> => {
        await scheduler.delay(confirm ? 1 + random() * 10 : 0)
        if (!process.alive) await new Promise(() => {})
        const all = new Set(datasets.flatMap((d) => d.holders.map((h) => h.island)))
        if (datasets.length === 0) all.add(on ?? this.id)
        const why = (island: string): string | undefined => {
          const tried = excluded.find((e) => e.island === island)
          if (tried !== undefined) return tried.reason
          if (on !== undefined && island !== on) return 'another island was asked for'
          if (!datasets.every((d) => d.holders.some((h) => h.island === island))) return 'does not hold all'
          return island === this.id || net.reaches(this.id, island) ? undefined : 'does not answer'
        }
        const order = [...all]
          .filter((i) => why(i) === undefined)
          .sort((a, b) => distance(a) - distance(b) || (a < b ? -1 : 1))
        const explain = [...all].map((island) => ({
          island,
          name: island.slice(0, 6),
          chosen: island === order[0],
          holds: [],
          confirmed: why(island) === undefined,
          reason: why(island) ?? 'holds the data',
        }))
        if (order.length === 0) throw new ArchipelError('NO_HOLDER', 'nobody can run it now', { details: { explain } })
        return { order: order.map((island) => ({ island, seconds: distance(island) })), explain }
      },
    }
  }
}

/** Islands of the simulation are near in the order of their ids, whoever asks. */
function distance(island: string): number {
  return island.charCodeAt(3)
}

/** The n-th island's id, n from 0 to 25. */
export function islandName(n: number): string {
  const letter = String.fromCharCode('a'.charCodeAt(0) + n)
  return `isl${letter.repeat(32)}`
}
