import { randomFillSync } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BenchContext, Benchmark, Figure } from './bench.ts'
import { cpuMsOf, memoryOf, resetPeak, until } from './daemon.ts'
import { knownEverywhere, type RunningIsland, startIslands } from './islands.ts'
import { type Rival, rivals } from './transfers/rivals.ts'
import type { Ran } from './transfers/run.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30
const POLL_MS = 25
const OVER_HTTPS = 'transfers.https.listen=127.0.0.1:0'
const OVER_LIBP2P = 'transfers.https.listen=off'
/** Bytes a second that each of two sources gives, and bytes that are fetched from them. */
const CAP = 16 * MiB
const CAPPED = 64 * MiB

/** Datasets to fetch: paths under a folder of their name, and their size. */
interface Data {
  name: string
  what: string
  paths: string[]
  bytes: number
}

/** One that holds, three that fetch, one that holds over libp2p alone, two that give at a bounded rate. */
const PLACES = { holder: 0, askers: [1, 2, 3], stream: 4, capped: [5, 6] }

/** Bytes of datasets from island to island, beside what people would take instead. */
export const transfersBench: Benchmark = {
  name: 'transfers',
  about:
    'one large file and many small ones from one and from three islands, over HTTPS and libp2p; beside curl, aria2, rclone, sendme',
  async run(context) {
    const { dir, scale } = context
    const folder = join(dir, 'data')
    const data = [
      await one(folder, scale.quick ? 8 * MiB : GiB),
      await many(folder, scale.quick ? 100 : 10_000, scale.quick ? 4096 : 32 * 1024),
    ]
    const islands = await startIslands(context, scale.quick ? 2 : 7, (place) => [
      'engine.kind=disabled',
      place === PLACES.stream ? OVER_LIBP2P : OVER_HTTPS,
      ...(PLACES.capped.includes(place) ? [`transfers.upBytesPerSecondPerIsland=${CAP}`] : []),
    ])
    const figures: Figure[] = []
    const others = scale.quick ? undefined : await rivals(context, folder)
    for (const set of data) {
      const beside = (await others?.fetch(set.paths)) ?? []
      figures.push(...besideFigures(set, beside))
      figures.push(...(await fromIslands(context, islands, folder, set, beside[0])))
    }
    if (!scale.quick) figures.push(...(await fromCapped(context, islands, folder)))
    return figures
  },
}

async function one(folder: string, bytes: number): Promise<Data> {
  await mkdir(join(folder, 'one'), { recursive: true })
  const file = await open(join(folder, 'one/one.bin'), 'w')
  const block = Buffer.alloc(MiB)
  for (let done = 0; done < bytes; done += block.length) await file.write(randomFillSync(block))
  await file.close()
  return { name: 'one', what: `one file of ${bytes / MiB} MiB`, paths: ['one/one.bin'], bytes }
}

async function many(folder: string, count: number, each: number): Promise<Data> {
  const paths = Array.from({ length: count }, (_, i) => `many/${String(i % 100).padStart(2, '0')}/${i}.bin`)
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), randomFillSync(Buffer.alloc(each)))
  }
  return { name: 'many', what: `${count} files of ${each / 1024} KiB`, paths, bytes: count * each }
}

/** @param holders islands that give it */
async function fetched(
  context: BenchContext,
  asker: RunningIsland,
  ref: string,
  holders: readonly RunningIsland[],
): Promise<Ran & { servedMb: number }> {
  const all = [asker, ...holders]
  const cpu = () => all.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0)
  for (const { pid } of all) resetPeak(pid)
  const before = cpu()
  const started = performance.now()
  const { id } = await asker.client.get(ref)
  await until(
    ref,
    context,
    async () => {
      const { state, problem } = await asker.client.transfers.show(id)
      if (state === 'failed' || state === 'paused') throw new Error(`${state}: ${problem?.message}`)
      return state === 'available'
    },
    { pollMs: POLL_MS },
  )
  const ms = performance.now() - started
  return {
    ms,
    cpuMs: cpu() - before,
    peakMb: memoryOf(asker.pid).peakMb,
    servedMb: Math.max(...holders.map(({ pid }) => memoryOf(pid).peakMb)),
  }
}

async function fromIslands(
  context: BenchContext,
  islands: RunningIsland[],
  folder: string,
  set: Data,
  rival: Rival | undefined,
): Promise<Figure[]> {
  const holder = islands[PLACES.holder]!
  const askers = PLACES.askers.flatMap((place) => islands[place] ?? [])
  const path = join(folder, set.name)
  await holder.client.publish({ path, name: set.name, as: 'files' })
  const figures: Figure[] = []
  for (const [i, asker] of askers.entries()) {
    const sources = [holder, ...askers.slice(0, i)]
    await knownEverywhere(context, islands, set.name, sources.length)
    context.say(`${set.what}, ${sources.length} islands`)
    const ran = await fetched(context, asker, set.name, sources)
    const what = `${set.what}, from ${sources.length === 1 ? 'one island' : `${sources.length} islands`}`
    figures.push(...ranFigures(what, set.bytes, ran, rival))
    if (i === 0) figures.push({ what: `${what}, highest memory of the giver`, value: ran.servedMb, unit: 'MB' })
  }
  const stream = islands[PLACES.stream]
  if (stream === undefined) return figures
  const name = `${set.name}-libp2p`
  await stream.client.publish({ path, name, as: 'files' })
  await knownEverywhere(context, islands, name)
  context.say(`${set.what}, over libp2p`)
  const ran = await fetched(context, askers[0]!, name, [stream])
  return [...figures, ...ranFigures(`${set.what}, from one island over libp2p`, set.bytes, ran, rival)]
}

/** Two that give slowly give twice as much as one. */
async function fromCapped(context: BenchContext, islands: RunningIsland[], folder: string): Promise<Figure[]> {
  const [first, second] = PLACES.capped.map((place) => islands[place]!) as [RunningIsland, RunningIsland]
  const asker = islands[PLACES.askers[0]!]!
  const { bytes } = await one(join(folder, 'capped'), CAPPED)
  await first.client.publish({ path: join(folder, 'capped/one'), name: 'capped', as: 'files' })
  await knownEverywhere(context, islands, 'capped')
  context.say('sources of a bounded rate')
  const alone = await fetched(context, second, 'capped', [first])
  await knownEverywhere(context, islands, 'capped', 2)
  const both = await fetched(context, asker, 'capped', [first, second])
  const rate = (ms: number) => bytes / MiB / (ms / 1000)
  const value = rate(both.ms)
  const baseline = { what: 'from one of them', value: rate(alone.ms), unit: 'MiB/s', ratio: value / rate(alone.ms) }
  return [{ what: `from two islands that give ${CAP / MiB} MiB/s each`, value, unit: 'MiB/s', baseline }]
}

const perSecond = (bytes: number, { ms }: Ran) => bytes / MiB / (ms / 1000)
const cpuPerGiB = (bytes: number, { cpuMs }: Ran) => cpuMs / 1000 / (bytes / GiB)

function ranFigures(what: string, bytes: number, ran: Ran, rival: Rival | undefined): Figure[] {
  const beside = (value: number, unit: string, of: (ran: Ran) => number): Pick<Figure, 'baseline'> => {
    if (rival === undefined) return {}
    const their = of(rival.ran)
    return { baseline: { what: rival.name, value: their, unit, ratio: value / their } }
  }
  const speed = perSecond(bytes, ran)
  const cpu = cpuPerGiB(bytes, ran)
  return [
    { what, value: speed, unit: 'MiB/s', ...beside(speed, 'MiB/s', (r) => perSecond(bytes, r)) },
    { what: `${what}, processor time`, value: cpu, unit: 's/GiB', ...beside(cpu, 's/GiB', (r) => cpuPerGiB(bytes, r)) },
    { what: `${what}, highest memory of the asker`, value: ran.peakMb, unit: 'MB' },
  ]
}

const besideFigures = ({ what, bytes }: Data, beside: readonly Rival[]): Figure[] =>
  beside.flatMap(({ name, ran }) => ranFigures(`${what}, ${name}`, bytes, ran, undefined).map(memoryOfAll))

const memoryOfAll = (figure: Figure): Figure => ({
  ...figure,
  what: figure.what.replace('highest memory of the asker', 'highest memory'),
})
