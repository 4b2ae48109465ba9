import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import type { TaskSummary } from '../../src/protocols/model/views.ts'
import { type Benchmark, type Figure, median, percentile } from './bench.ts'
import { cpuOf } from './daemon.ts'
import { knownEverywhere, type RunningIsland, startIslands } from './islands.ts'
import { atRest, duckdbProcess } from './process.ts'

const TASKS = 1000
const ISLANDS = 5
const ROWS = 10_000
const REF = 'doi:10.5072/bench.everywhere'
const SQL = (n: number) => `SELECT ra, count(*) AS n FROM "${REF}" WHERE id % 997 <> ${n % 997} GROUP BY ra ORDER BY ra`
/** The first asks for so much of all, the second for the rest a moment later. */
const FIRST_SHARE = 0.8
/** Submissions on their way at a time, from each of the two. */
const AT_ONCE = 8
/** Of the plain statements, before and after: as many as that make a rate. */
const PLAIN_SHARE = 0.1
const PAGE = 500
const POLL_MS = 500

/** Many tasks at once: two islands ask, all hold the data. */
export const queueBench: Benchmark = {
  name: 'queue',
  about: 'a thousand tasks of two islands, run by five that hold the data, each a daemon of its own',
  async run(context) {
    const { scale, signal, say } = context
    const count = scale.quick ? 12 : TASKS
    const files = join(context.dir, 'everywhere.parquet')
    await makeTable(files)
    const islands = await startIslands(context, scale.quick ? 3 : ISLANDS)
    for (const { client } of islands) await client.publish({ path: files, id: REF, name: 'everywhere' })
    await knownEverywhere(context, islands, REF, islands.length)

    const plain = plainStatements(files, Math.max(2, Math.round((count * PLAIN_SHARE) / 2)), signal)
    say('plain statements, before')
    const plainMs = [await plain()]
    await atRest(
      islands.map(({ pid }) => pid),
      signal,
    )

    const [first, second] = islands as [RunningIsland, RunningIsland]
    const many = Math.round(count * FIRST_SHARE)
    const cpuBefore = islands.map(({ pid }) => cpuOf(pid).all)
    say(`${count} tasks`)
    const started = Date.now()
    const submitting = performance.now()
    await submitAll(first, many)
    const manyMs = performance.now() - submitting
    const later = Date.now()
    await submitAll(second, count - many)
    const submittedMs = performance.now() - submitting
    const ended = await Promise.all([allEnded(first, many, signal), allEnded(second, count - many, signal)])
    const cpuSeconds = islands.reduce((sum, { pid }, i) => sum + cpuOf(pid).all - cpuBefore[i]!, 0)
    say('plain statements, after')
    plainMs.push(await plain())

    const all = ended.flat()
    const failed = all.filter((t) => t.state !== 'succeeded')
    if (failed.length > 0) throw new Error(`${failed.length} tasks did not succeed: ${JSON.stringify(failed[0])}`)
    const times = ended.map((tasks) => tasks.map((t) => Date.parse(t.ended!)))
    const last = Math.max(...times.flat())
    const seconds = (last - started) / 1000
    const rate = count / seconds
    const plainRate = 1000 / median(plainMs)
    const ranAt = new Map<string, number>()
    for (const { ranAt: at } of all) ranAt.set(at!.island, (ranAt.get(at!.island) ?? 0) + 1)
    const shares = islands.map(({ id }) => ((ranAt.get(id) ?? 0) / count) * 100)
    const figures: Figure[] = [
      {
        what: `${count} tasks, submission to last result`,
        value: rate,
        unit: 'tasks/s',
        baseline: {
          what: 'DuckDB processes, one after the other',
          value: plainRate,
          unit: '/s',
          ratio: rate / plainRate,
        },
      },
      { what: 'submitted (durable) per second', value: (count / submittedMs) * 1000, unit: 'tasks/s' },
      { what: 'submitted while nothing else waits, per second', value: (many / manyMs) * 1000, unit: 'tasks/s' },
      { what: 'until the first result', value: Math.min(...times.flat()) - started, unit: 'ms' },
      { what: 'until the last result', value: seconds, unit: 's' },
      { what: 'processor time of the daemons, without engines', value: (cpuSeconds / count) * 1000, unit: 'ms/task' },
      ...fairness(times as [number[], number[]], later),
      { what: 'share of the island that ran most', value: Math.max(...shares), unit: '%' },
      { what: 'share of the island that ran least', value: Math.min(...shares), unit: '%' },
      { what: 'tried more than once', value: await retried(islands.slice(0, 2), ended), unit: 'tasks' },
    ]
    return figures
  },
}

/**
 * The one who comes later with less: fair is one of his for one of the others', so half of all that ends until he has
 * everything. Behind all that came before him his share would be as small as his part.
 */
function fairness([first, second]: [number[], number[]], later: number): Figure[] {
  const done = Math.max(...second)
  const meanwhile = first.filter((t) => t > later && t <= done).length
  return [
    { what: 'the later asker has all results after', value: (done - later) / 1000, unit: 's' },
    {
      what: 'his part of all that ended meanwhile (fair: 50)',
      value: (second.length / (second.length + meanwhile)) * 100,
      unit: '%',
    },
    {
      what: 'his wait for a result, median',
      value: percentile(
        second.map((t) => (t - later) / 1000),
        50,
      ),
      unit: 's',
    },
  ]
}

async function submitAll({ client }: RunningIsland, count: number): Promise<void> {
  let next = 0
  const one = async () => {
    while (next < count) await client.tasks.submit({ kind: 'sql', code: SQL(next++) })
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
}

/** Asks rarely, so that asking is no load. */
async function allEnded(island: RunningIsland, count: number, signal: AbortSignal): Promise<TaskSummary[]> {
  const open = async () => {
    for (const state of ['queued', 'placing', 'staging', 'running'] as const)
      if ((await island.client.tasks.list({ state, limit: 1 })).items.length > 0) return true
    return false
  }
  while (await open()) await delay(POLL_MS, undefined, { signal })
  const items: TaskSummary[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await island.client.tasks.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    items.push(...page.items)
    cursor = page.next
    if (cursor === undefined) break
  }
  if (items.length !== count) throw new Error(`${items.length} tasks of ${count}`)
  return items
}

/** Of a sample of each asker's tasks, how many had more than one attempt, scaled to all. */
async function retried(askers: RunningIsland[], ended: TaskSummary[][]): Promise<number> {
  let sum = 0
  for (const [i, { client }] of askers.entries()) {
    const tasks = ended[i]!
    const step = Math.ceil(tasks.length / 100)
    const looked = tasks.filter((_, n) => n % step === 0)
    const views = await Promise.all(looked.map(({ id }) => client.tasks.show(id)))
    sum += (views.filter((v) => v.attempts.length > 1).length / looked.length) * tasks.length
  }
  return sum
}

async function makeTable(file: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const rows = `SELECT i AS id, (i * 37) % 360 AS ra, (i * 13) % 90 AS dec FROM range(${ROWS}) t(i)`
  await connection.run(`COPY (${rows}) TO '${file}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
}

/** Milliseconds of one statement in a process of its own, of so many in a row. */
function plainStatements(file: string, count: number, signal: AbortSignal): () => Promise<number> {
  return async () => {
    const started = performance.now()
    for (let n = 0; n < count; n++) {
      const sql = SQL(n).replace(`"${REF}"`, `read_parquet('${file}')`)
      await duckdbProcess(
        `console.log((await connection.runAndReadAll(${JSON.stringify(sql)})).getRowsJson().length)`,
        signal,
      )
    }
    return (performance.now() - started) / count
  }
}
