import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { type BenchContext, type Benchmark, type Figure, median, percentile, spread, timed } from './bench.ts'
import { cpuMsOf } from './daemon.ts'
import { knownEverywhere, type RunningIsland, startIslands } from './islands.ts'
import { archipel, atRest, duckdbProcess } from './process.ts'

const ROWS = 2000
const TABLE = 'bench_table'
/** Another text each time: what was asked before may be known. */
const trivial = () => `SELECT count(*) AS n FROM ${TABLE} WHERE id <> ${lastTrivial++}`
let lastTrivial = 0
const LONG_MS = 250
/** Long enough that a busy moment of the machine does not make another statement of it. */
const LONG_AIM_MS = 350
const MOST_ADDED_MS = 3
const MOST_ADDED_PERCENT = 5

/** Times of the ways to run one statement: the same round measured all of them, one after the other. */
type Rounds<Way extends string> = Record<Way, number[]>

/** What a task costs from its submission to its rows: asked where the data are, asked elsewhere, and without archipel. */
export const tasksBench: Benchmark = {
  name: 'tasks',
  about: 'a statement from its submission to its result: at the holder, forwarded, and by bare DuckDB; three daemons',
  async run(context) {
    const { dir, scale, signal, say } = context
    const islands = await startIslands(context, 3)
    const [holder, asker] = islands as [RunningIsland, RunningIsland]
    const file = join(dir, `${TABLE}.parquet`)
    const duckdb = await plainDuckdb(context, file)
    await holder.client.publish({ path: file, name: TABLE })
    await knownEverywhere(context, islands, TABLE)

    const rest = () =>
      atRest(
        islands.map(({ pid }) => pid),
        signal,
      )
    const cpuMs = () => islands.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0)
    const api = (island: RunningIsland, sql: () => string, cpu: number[] = []) => {
      return async () => {
        await rest()
        const before = cpuMs()
        const ms = await timed(async () => {
          const { ranAt } = await island.client.sql({ sql: sql() })
          if (ranAt?.island !== holder.id) throw new Error('ran elsewhere')
        })
        cpu.push(cpuMs() - before)
        return ms
      }
    }
    const cli = (island: RunningIsland) => async () => {
      await rest()
      return (await archipel(['sql', trivial(), '--json'], island.dataDir, signal)).ms
    }
    const plain = (sql: () => string) => () => timed(() => duckdb(sql()))

    const cpu = { here: [] as number[], there: [] as number[] }
    const ways = {
      disk: flush(join(dir, 'flushed')),
      duckdb: plain(trivial),
      here: api(holder, trivial, cpu.here),
      there: api(asker, trivial, cpu.there),
    }
    const warmUp = scale.quick ? 1 : 5
    await inRounds(ways, warmUp)
    say('trivial statements through the API')
    const short = await inRounds(ways, scale.runs * 2)
    say('the same one after the other')
    const sequence = await inRounds({ here: unrested(holder), there: unrested(asker) }, scale.runs)
    say('trivial statements through the CLI')
    const processes = await inRounds(
      { duckdb: nodeWithDuckdb(file, signal), here: cli(holder), there: cli(asker) },
      Math.ceil(scale.runs / 2),
    )
    const figures: Figure[] = [
      { what: 'a write of 1 kB to the disk, flushed, median', value: median(short.disk), unit: 'ms' },
      ...both('API, at the holder', short.here, { what: 'DuckDB kept open', values: short.duckdb }),
      ...both('API, forwarded', short.there, { what: 'at the holder', values: short.here }),
      added('API, forwarding adds', differences(short), scale.quick ? undefined : MOST_ADDED_MS),
      {
        what: 'API, forwarding adds (best of each)',
        value: Math.min(...short.there) - Math.min(...short.here),
        unit: 'ms',
      },
      processorTime(cpu.there.slice(warmUp), cpu.here.slice(warmUp)),
      ...both('API, forwarded, one after the other', sequence.there, { what: 'at the holder', values: sequence.here }),
      ...both('CLI, at the holder', processes.here, { what: 'node -e with DuckDB', values: processes.duckdb }),
      ...both('CLI, forwarded', processes.there, { what: 'at the holder', values: processes.here }),
      added('CLI, forwarding adds', differences(processes)),
    ]
    if (scale.quick) return figures

    const heavy = await longStatement((sql) => api(holder, () => sql)())
    say('long statements')
    const long = await inRounds(
      { duckdb: plain(() => heavy), here: api(holder, () => heavy), there: api(asker, () => heavy) },
      Math.ceil(scale.runs / 2),
    )
    const percent = median(long.there.map((ms, i) => (ms / long.here[i]! - 1) * 100))
    figures.push(
      ...both('long, at the holder', long.here, { what: 'DuckDB kept open', values: long.duckdb }),
      ...both('long, forwarded', long.there, { what: 'at the holder', values: long.here }),
      {
        what: 'long, forwarding adds (median of rounds)',
        value: percent,
        unit: '%',
        target: { below: MOST_ADDED_PERCENT },
      },
    )
    return figures

    /** While the child for it is still being started. */
    function unrested(island: RunningIsland) {
      return () => timed(() => island.client.sql({ sql: trivial() }))
    }
  },
}

/** Each way once a round, in another order each time, so that what came before and a busy machine meet all alike. */
async function inRounds<Way extends string>(
  ways: Record<Way, () => Promise<number>>,
  rounds: number,
): Promise<Rounds<Way>> {
  const names = Object.keys(ways) as Way[]
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Rounds<Way>
  for (let round = 0; round < rounds; round++) {
    const turned = names.map((_, i) => names[(i + round) % names.length]!)
    for (const name of round % 2 === 0 ? turned : turned.reverse()) times[name].push(await ways[name]())
  }
  return times
}

const differences = ({ here, there }: Rounds<'here' | 'there'>) => there.map((ms, i) => ms - here[i]!)

function added(what: string, values: number[], most?: number): Figure {
  const figure = { what: `${what} (median of rounds)`, value: median(values), unit: 'ms' }
  return most === undefined ? figure : { ...figure, target: { below: most } }
}

/** What does not depend on who else uses the machine, or hardly. */
function processorTime(there: number[], here: number[]): Figure {
  const value = median(there)
  const baseline = { what: 'at the holder', value: median(here), unit: 'ms', ratio: value / median(here) }
  return { what: 'processor time of the daemons, forwarded, median', value, unit: 'ms', baseline }
}

/** p50 and p99, each beside that of another way. */
function both(what: string, values: number[], other: { what: string; values: number[] }): Figure[] {
  const percents = [50, 99]
  return spread(what, values).map((figure, i) => {
    const value = percentile(other.values, percents[i]!)
    return { ...figure, baseline: { what: other.what, value, unit: 'ms', ratio: figure.value / value } }
  })
}

/** The table as a file, and DuckDB in this process that asks it, with as many threads as a session has. */
async function plainDuckdb({ cleanup }: BenchContext, file: string): Promise<(sql: string) => Promise<unknown>> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  cleanup(() => {
    connection.closeSync()
    instance.closeSync()
  })
  const rows = `SELECT i AS id, (i * 37) % 360 AS ra, (i * 13) % 90 AS dec FROM range(${ROWS}) t(i)`
  await connection.run(`COPY (${rows}) TO '${file}' (FORMAT parquet)`)
  await connection.run(`CREATE VIEW ${TABLE} AS SELECT * FROM read_parquet('${file}')`)
  return async (sql) => (await connection.runAndReadAll(sql)).getRows()
}

/** What somebody without archipel would call. */
function nodeWithDuckdb(file: string, signal: AbortSignal): () => Promise<number> {
  return async () => {
    const sql = trivial().replace(TABLE, `read_parquet('${file}')`)
    const body = `console.log((await connection.runAndReadAll(${JSON.stringify(sql)})).getRowsJson())`
    return (await duckdbProcess(body, signal)).ms
  }
}

/** What every durable step of a task waits for at least. */
function flush(path: string): () => Promise<number> {
  const bytes = Buffer.alloc(1000, 1)
  return async () => {
    const file = await open(path, 'a')
    try {
      return await timed(async () => {
        await file.write(bytes)
        await file.datasync()
      })
    } finally {
      await file.close()
    }
  }
}

/** A join of the table with itself, as large as it has to be. */
async function longStatement(ask: (sql: string) => Promise<number>): Promise<string> {
  const least = Math.min(await ask(trivial()), await ask(trivial()))
  for (let rows = 4; ; rows *= 1.5) {
    const sql = `SELECT count(*) AS n FROM ${TABLE} a, ${TABLE} b, (SELECT * FROM ${TABLE} LIMIT ${Math.round(rows)}) c
      WHERE (a.ra * b.dec + c.id) % 7 = 3`
    const ms = Math.min(await ask(sql), await ask(sql))
    if (ms - least >= LONG_MS && ms >= LONG_AIM_MS) return sql
  }
}
