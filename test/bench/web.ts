import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { largeCatalog, writeIsland } from './archipelago.ts'
import { type BenchContext, type Benchmark, type Figure, median, percentile } from './bench.ts'
import { random } from './bodies.ts'
import { type Daemon, memoryOf, startDaemon, until } from './daemon.ts'
import { record, startBare } from './web/bare.ts'
import { firstLoad } from './web/first-load.ts'
import { load } from './web/load.ts'
import { openReaders } from './web/readers.ts'

const CONNECTIONS = 8
const READERS = 200
const PAGE = 20
/** Different questions of one kind. */
const QUESTIONS = 50

/** The web service of one island that knows the whole catalog, beside bare Hono that serves the same bytes. */
export const webBench: Benchmark = {
  name: 'web',
  about: 'searches through the API, events to many readers, the first load of the page; one daemon, beside bare Hono',
  async run(context) {
    const { dir, scale, say } = context
    const large = await largeCatalog(context)
    const dataDir = join(dir, 'island')
    await writeIsland(large.archipelago, large.archipelago.members[0]!, dataDir, { store: large.store })
    const daemon = await startDaemon(context, dataDir)
    const token = (await readFile(pathIn(dataDir, 'token'), 'utf8')).trim()
    const { url } = JSON.parse(await readFile(pathIn(dataDir, 'daemon'), 'utf8')) as { url: string }
    const all = async () => (await daemon.client.datasets({ limit: 1 })).total >= large.datasets
    await until('all datasets searchable', context, all)
    const headers = { authorization: `Bearer ${token}` }
    const kinds: [string, (n: number) => string][] = [
      ['one of them', (n) => `${(n * 7919) % large.datasets}`],
      ['two words, many found', (n) => twoWords(n)],
    ]
    const figures: Figure[] = []
    for (const [what, text] of kinds) {
      say(`searching: ${what}`)
      const paths = Array.from(
        { length: QUESTIONS },
        (_, n) => `/api/v1/datasets?${new URLSearchParams({ text: text(n), limit: String(PAGE) })}`,
      )
      figures.push(...(await searched(context, url, { what, paths, headers })))
    }
    say(`events to ${READERS} readers`)
    figures.push(...(await events(context, daemon, { url, headers })))
    say('first load')
    figures.push(...(await firstLoad(context, url)))
    await daemon.stop()
    if (scale.quick) for (const figure of figures) delete figure.target
    return figures
  },
}

function twoWords(n: number): string {
  const words = ['stars', 'galaxies', 'spectra', 'photometry', 'quasar', 'cluster', 'nebula', 'redshift', 'pulsar']
  const next = random(n)
  const word = () => words[Math.floor(next() * words.length)]!
  return `${word()} ${word()}`
}

interface Search {
  what: string
  paths: string[]
  headers: Record<string, string>
}

async function searched(context: BenchContext, url: string, { what, paths, headers }: Search): Promise<Figure[]> {
  const recorded = []
  for (const path of paths) recorded.push(await record(url, path, headers))
  const bare = await startBare(context, recorded)
  const seconds = context.scale.quick ? 0.5 : 10
  const options = { connections: CONNECTIONS, seconds, headers }
  // In turns: other work on the machine meets both.
  const own = await load(url, paths, options)
  const plain = await load(bare.url, paths, options)
  const ownMore = await load(url, paths, options)
  const plainMore = await load(bare.url, paths, options)
  const rate = (own.perSecond + ownMore.perSecond) / 2
  const plainRate = (plain.perSecond + plainMore.perSecond) / 2
  const p99 = percentile([...own.times, ...ownMore.times], 99)
  const plainP99 = percentile([...plain.times, ...plainMore.times], 99)
  const bytes = recorded.reduce((sum, { body }) => sum + (body.length * 3) / 4, 0) / recorded.length
  const name = 'bare Hono, same bytes'
  return [
    {
      what: `search, ${what}, ${CONNECTIONS} connections`,
      value: rate,
      unit: 'requests/s',
      baseline: { what: name, value: plainRate, unit: 'requests/s', ratio: rate / plainRate },
    },
    {
      what: `search, ${what}, p99`,
      value: p99,
      unit: 'ms',
      baseline: { what: name, value: plainP99, unit: 'ms', ratio: p99 / plainP99 },
    },
    { what: `search, ${what}, an answer`, value: bytes / 1000, unit: 'KB' },
  ]
}

/** Withdrawals of datasets, each told to all readers. */
async function events(
  context: BenchContext,
  { client, pid }: Daemon,
  { url, headers }: { url: string; headers: Record<string, string> },
): Promise<Figure[]> {
  const { dir, scale } = context
  const runs = Math.min(10, scale.runs)
  const file = join(dir, 'told.csv')
  await writeFile(file, 'a,b\n1,2\n')
  const published: string[] = []
  for (let n = 0; n < runs; n++) published.push((await client.publish({ path: file, name: `told_${n}` })).id)
  const before = memoryOf(pid).nowMb
  const readers = await openReaders(`${url}/api/v1/events`, { count: READERS, headers })
  const own: { all: number; spread: number }[] = []
  for (const id of published) own.push(await readers.told(id, () => client.unpublish(id)))
  const grown = Math.max(0, memoryOf(pid).nowMb - before)
  await readers.close()

  const bare = await startBare(context, [])
  const bareBefore = memoryOf(bare.pid).nowMb
  const bareReaders = await openReaders(`${bare.url}/sse`, { count: READERS, headers: {} })
  const plain: { all: number; spread: number }[] = []
  for (const id of published) {
    const data = JSON.stringify({ type: 'dataset:withdrawn', time: new Date().toISOString(), id })
    plain.push(await bareReaders.told(id, () => fetch(`${bare.url}/tell`, { method: 'POST', body: data })))
  }
  const bareGrown = Math.max(0.1, memoryOf(bare.pid).nowMb - bareBefore)
  await bareReaders.close()
  const figure = (what: string, value: number, by: number, unit: string): Figure => ({
    what,
    value,
    unit,
    baseline: { what: 'bare Hono', value: by, unit, ratio: value / by },
  })
  const of = (list: { all: number; spread: number }[], key: 'all' | 'spread') => median(list.map((each) => each[key]))
  return [
    figure(`an event at ${READERS} readers, from the call to the last, median`, of(own, 'all'), of(plain, 'all'), 'ms'),
    figure('the same, from the first reader to the last', of(own, 'spread'), of(plain, 'spread'), 'ms'),
    figure(`memory of ${READERS} readers`, grown, bareGrown, 'MB'),
  ]
}
