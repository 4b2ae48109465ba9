import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { StartedIsland } from '../../src/node/island.ts'
import { type BenchContext, type Benchmark, type Figure, median, percentile, spread } from './bench.ts'
import { manyIslands } from './many-islands.ts'

const TARGET_MS = 1000
const ROUND_MS = 5000
const WITHIN_MS = 60_000

/** How soon a dataset published at one island is found at all: with gossip, and by comparisons alone. */
export const visibility: Benchmark = {
  name: 'visibility',
  about: 'time until a new dataset is visible at every island',
  async run(context) {
    const { islands: count, runs, quick } = context.scale
    const rounds = Math.ceil(Math.log2(count)) + 3
    const on = await publishEverywhere(context, {
      runs,
      pauseMs: quick ? 50 : 400,
      settings: {},
    })
    const settings = {
      'network.gossipEnabled': false,
      'catalog.syncIntervalMs': quick ? 1000 : ROUND_MS,
      'catalog.heartbeatMs': 600_000,
    }
    const interval = settings['catalog.syncIntervalMs']
    const off = await publishEverywhere(context, { runs: Math.ceil(runs / 2), pauseMs: quick ? 50 : 1500, settings })
    const inRounds = off.everywhere.map((ms) => ms / interval)
    return [
      ...spread(`visible at ${count} islands, gossip`, on.everywhere, { below: TARGET_MS }),
      ...spread('  the same from the call of publish', on.fromCall),
      { what: '  at one of them, p50', value: median(on.each), unit: 'ms' },
      { what: '  at one of them, p99', value: percentile(on.each, 99), unit: 'ms' },
      { what: `visible at ${count} islands, no gossip, p50`, value: median(inRounds), unit: 'rounds' },
      {
        what: `visible at ${count} islands, no gossip, most`,
        value: Math.max(...inRounds),
        unit: 'rounds',
        target: { below: rounds },
      },
    ] satisfies Figure[]
  },
}

interface Times {
  /** From the moment the publisher itself shows it until the last island does, milliseconds. */
  everywhere: number[]
  fromCall: number[]
  each: number[]
}

async function publishEverywhere(
  context: BenchContext,
  options: { runs: number; pauseMs: number; settings: Record<string, unknown> },
): Promise<Times> {
  const islands = await manyIslands(context, context.scale.islands, options.settings)
  const reading = new AbortController()
  const seen = new Map<string, Map<string, number>>()
  const waiting = new Map<string, () => void>()
  const readers = islands.map(async (island) => {
    for await (const event of island.port.events({ signal: reading.signal })) {
      if (!('type' in event) || event.type !== 'dataset:changed') continue
      const times = seen.get(event.id) ?? new Map<string, number>()
      seen.set(event.id, times)
      if (!times.has(island.id)) times.set(island.id, performance.now())
      if (times.size === islands.length) waiting.get(event.id)?.()
    }
  })
  const times: Times = { everywhere: [], fromCall: [], each: [] }
  const file = join(context.dir, 'observation.txt')
  await writeFile(file, 'one observation\n')
  const pending: Promise<void>[] = []
  for (let run = 0; run < options.runs; run++) {
    context.signal.throwIfAborted()
    const publisher = islands[run % islands.length]!
    pending.push(publishOne(publisher, file, run))
    // Each by itself with gossip; without, they overlap, at any moment of the rounds.
    if (options.settings['network.gossipEnabled'] !== false) await pending.at(-1)
    await delay(options.pauseMs * (0.5 + Math.random()))
  }
  await Promise.all(pending)
  reading.abort()
  await Promise.all(readers)
  await Promise.all(islands.map(async (island) => island.stop()))
  return times

  async function publishOne(publisher: StartedIsland, path: string, run: number): Promise<void> {
    const id = `urn:uuid:00000000-0000-4000-8000-${String(run).padStart(12, '0')}`
    const called = performance.now()
    const everywhere = Promise.withResolvers<void>()
    waiting.set(id, everywhere.resolve)
    const late = setTimeout(() => everywhere.reject(new Error(`${id} did not arrive everywhere`)), WITHIN_MS)
    await publisher.port.publish({ path, id, name: `observation_${run}`, as: 'files' })
    if (seen.get(id)?.size === islands.length) everywhere.resolve()
    await everywhere.promise
    clearTimeout(late)
    const at = seen.get(id)!
    const there = at.get(publisher.id)!
    const others = [...at.values()].map((t) => t - there)
    times.everywhere.push(Math.max(...others))
    times.fromCall.push(Math.max(...at.values()) - called)
    times.each.push(...[...at].filter(([island]) => island !== publisher.id).map(([, t]) => t - there))
  }
}
