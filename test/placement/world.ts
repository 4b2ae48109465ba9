/** An archipelago as placement sees it: facts by hand, answers by hand, nothing on a wire. */
import type { Facts } from '../../src/node/placement/facts.ts'
import { type PlacementComponents, placement } from '../../src/node/placement/placement.ts'
import type { LocalLoad, PlacementData, PlacementRequest } from '../../src/node/placement/port.ts'
import type { Timers } from '../../src/node/placement/rounds.ts'
import type { LocatedHolder } from '../../src/node/resolve/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { Liveness, Load } from '../../src/protocols/model/island.ts'
import type { ConfirmAnswer, ConfirmRequest } from '../../src/protocols/placement/messages.ts'

export const V1 = 'a'.repeat(64)
export const V2 = 'b'.repeat(64)
/** `isl` and the letter: short enough to read. */
export const isl = (letter: string) => `isl${letter.repeat(32)}`

export interface IslandSketch {
  rttMs?: number
  bytesPerSecond?: number
  /** Nothing was measured of its link. */
  unmeasured?: boolean
  load?: Partial<Load>
  languages?: string[]
  /** What its Spark runs, where it has one. */
  spark?: string[]
  labels?: string[]
  memoryBytes?: number
  member?: boolean
  liveness?: Liveness
  /** Nothing is known of its card. */
  noCard?: boolean
  /** Milliseconds until it answers; never when undefined and `silent`. */
  answersAfterMs?: number
  silent?: boolean
  answer?: Partial<ConfirmAnswer>
  fails?: ArchipelError
}

export interface WorldSketch {
  self?: string
  islands: Record<string, IslandSketch>
  localLoad?: LocalLoad
  localWaitMs?: number
  startMs?: number
  resultBytes?: number
  forbidden?: string
  timers?: Timers
}

export function yes(more: Partial<ConfirmAnswer> = {}): ConfirmAnswer {
  return {
    accepts: true,
    reason: 'a slot is free',
    running: 0,
    waiting: 0,
    slots: 4,
    queueWaitMs: 0,
    tookMs: 0,
    holds: [],
    ...more,
  }
}

export function world(sketch: WorldSketch) {
  const self = sketch.self ?? isl('a')
  const asked: string[] = []
  const requests: ConfirmRequest[] = []
  const learned: string[] = []
  const of = (island: string): IslandSketch => sketch.islands[island] ?? {}
  const answerOf = async (island: string): Promise<ConfirmAnswer> => {
    const { silent, answersAfterMs, fails, answer } = of(island)
    if (silent === true) return await new Promise(() => {})
    if (answersAfterMs !== undefined && sketch.timers !== undefined)
      await new Promise<void>((resolve) => sketch.timers!.after(answersAfterMs, resolve))
    if (fails !== undefined) throw fails
    return yes(answer)
  }
  const queue = {
    load: () => sketch.localLoad ?? { running: 0, waiting: 0, slots: 2 },
    wait: () => ({ waitMs: sketch.localWaitMs ?? 0, reason: 'local history' }),
    startMs: () => sketch.startMs,
    runMs: () => 500,
  }
  const components: PlacementComponents = {
    self,
    nameOf: (island) => island.slice(3, 4).toUpperCase(),
    isMember: (island) => of(island).member ?? island in sketch.islands,
    members: () => Object.keys(sketch.islands).filter((island) => of(island).member !== false),
    liveness: (island) => of(island).liveness ?? 'live',
    card: (island) => {
      const { noCard, languages = ['sql'], spark, labels, memoryBytes } = of(island)
      if (noCard === true) return undefined
      const engine = { kind: 'embedded' as const, languages, version: '1' }
      return {
        engines: [
          memoryBytes === undefined ? engine : { ...engine, memoryBytes },
          ...(spark === undefined ? [] : [{ kind: 'livy' as const, languages: spark, version: '0.9.0' }]),
        ],
        ...(labels === undefined ? {} : { labels }),
      }
    },
    load: (island) => {
      const { load } = of(island)
      return load === undefined ? undefined : { running: 0, waiting: 0, cpu: 0, memory: 0, ...load }
    },
    links: {
      of: (island) => {
        const { rttMs = 1, bytesPerSecond = 1e8, unmeasured = false } = of(island)
        return { rttMs, bytesPerSecond, measured: { rtt: !unmeasured, throughput: !unmeasured } }
      },
      unsure: (island) => (of(island).unmeasured === true ? 'unknown' : 'no'),
      learn: async (island) => {
        learned.push(island)
      },
    },
    results: { of: () => ({ bytes: sketch.resultBytes ?? 0, basis: 'as earlier ones' }) },
    queue: { embedded: queue, livy: queue },
    policy: {
      check() {
        if (sketch.forbidden !== undefined) throw new ArchipelError('FORBIDDEN', sketch.forbidden)
      },
    },
    answer: async (request, island) => {
      requests.push(request)
      return await answerOf(island)
    },
    ask: async (island, request) => {
      asked.push(island)
      requests.push(request)
      return await answerOf(island)
    },
    ...(sketch.timers === undefined ? {} : { timers: sketch.timers }),
  }
  return { asked, requests, learned, self, port: placement(components) }
}

export function holder(island: string, more: Partial<LocatedHolder> = {}): LocatedHolder {
  return { island, state: 'available', version: V1, via: ['catalog'], freshness: 1, confirmed: false, ...more }
}

export function dataset(id: string, holders: (string | LocatedHolder)[], bytes = 1000): PlacementData {
  const publisher = isl('p')
  const all = holders.map((h) => (typeof h === 'string' ? holder(h) : h))
  return { table: id, id, publisher, version: V1, bytes, holders: all }
}

export function request(datasets: PlacementData[], more: Partial<PlacementRequest> = {}): PlacementRequest {
  return { user: 'owner', kind: 'sql', datasets, codeBytes: 100, ...more }
}

export const options = (confirm = true) => ({ confirm, signal: new AbortController().signal })

/** Virtual time: `run` moves it to the next thing that is due, until the work is done. */
export function virtualTimers(): Timers & { run<T>(work: Promise<T>): Promise<T> } {
  let now = 0
  const due: { at: number; fn: () => void }[] = []
  return {
    now: () => now,
    after(ms, fn) {
      const entry = { at: now + ms, fn }
      due.push(entry)
      return () => {
        const i = due.indexOf(entry)
        if (i >= 0) due.splice(i, 1)
      }
    },
    async run(work) {
      let done = false
      const mark = () => {
        done = true
      }
      work.then(mark, mark)
      while (!done) {
        // Everything that can go on without time goes on first.
        await new Promise((resolve) => setImmediate(resolve))
        if (done) break
        due.sort((a, b) => a.at - b.at)
        const next = due.shift()
        if (next === undefined) throw new Error('nothing is due and the work is not done')
        now = Math.max(now, next.at)
        next.fn()
      }
      return await work
    },
  }
}

/** Facts of an island that can run the task, to be spoilt by a test. */
export function soundFacts(more: Partial<Facts> = {}): Facts {
  return {
    island: isl('b'),
    name: 'B',
    self: false,
    member: true,
    liveness: 'live',
    heard: false,
    kind: 'sql',
    wantedEngine: 'embedded',
    languages: ['sql', 'python'],
    labels: ['gpu', 'big'],
    wantedLabels: ['gpu'],
    memoryBytes: 2e9,
    wantedMemoryBytes: 1e9,
    holds: ['doi:10.1/a'],
    missing: [],
    link: { rttMs: 10, bytesPerSecond: 1e6, measured: { rtt: true, throughput: true } },
    queue: { waitMs: 1500, reason: '3 pieces ahead' },
    result: { bytes: 2e6, basis: 'as 3 earlier results of these data' },
    codeBytes: 1000,
    ...more,
  }
}
