import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchContext, Benchmark, Figure } from './bench.ts'
import { memoryOf, resetPeak } from './daemon.ts'
import { knownEverywhere, type RunningIsland, startIslands } from './islands.ts'
import { archipel, atRest, duckdbProcess, type Ended } from './process.ts'

const ROWS = 1_000_000
const TABLE = 'bench_rows'
const SQL = `SELECT * FROM ${TABLE}`
const PAGE = 10_000
/** What DuckDB writes by itself; Arrow it does not. */
const COPIES = { csv: '(FORMAT csv)', parquet: '(FORMAT parquet)' }
const FORMATS = ['csv', 'parquet', 'arrow'] as const

/** A large result from another island: as a task, as pages, and saved as a file. */
export const rowsBench: Benchmark = {
  name: 'rows',
  about: 'a result of a million rows from another island, saved in the formats of tables; two daemons',
  async run(context) {
    const { dir, scale, signal, say } = context
    const count = scale.quick ? 5000 : ROWS
    const file = join(dir, `${TABLE}.parquet`)
    await duckdbProcess(`await connection.run(${JSON.stringify(tableSql(count, file))})`, signal)
    const islands = await startIslands(context, 2)
    const [holder, asker] = islands as [RunningIsland, RunningIsland]
    await holder.client.publish({ path: file, name: TABLE })
    await knownEverywhere(context, islands, TABLE)
    const rest = () =>
      atRest(
        islands.map(({ pid }) => pid),
        signal,
      )
    const restPeaks = islands.map(({ pid }) => memoryOf(pid).nowMb)

    say('the task')
    await rest()
    for (const { pid } of islands) resetPeak(pid)
    const started = performance.now()
    const { id } = await asker.client.tasks.submit({ kind: 'sql', code: SQL })
    for await (const view of asker.client.tasks.watch(id, { signal }))
      if (view.state === 'failed') throw new Error(`the task failed: ${view.error?.message}`)
    const taskMs = performance.now() - started
    const { result } = await asker.client.tasks.show(id)
    if (result?.table?.rowCount !== count) throw new Error(`${result?.table?.rowCount} rows`)
    const taskPeaks = islands.map(({ pid }) => memoryOf(pid).peakMb)

    say('its pages')
    const paging = performance.now()
    let paged = 0
    while (paged < count) paged += (await asker.client.tasks.rows(id, { from: paged, limit: PAGE })).rowCount
    const pagesMs = performance.now() - paging

    const plain: Partial<Record<string, Ended>> = {}
    const saved: Record<string, Ended> = {}
    const told: Record<string, Ended> = {}
    const peaks: Record<string, number> = {}
    for (const format of FORMATS) {
      say(`saved as ${format}`)
      await rest()
      const copy = COPIES[format as keyof typeof COPIES]
      if (copy !== undefined) plain[format] = await copied(context, file, format, copy)
      await rest()
      resetPeak(asker.pid)
      saved[format] = await archipel(
        ['task', 'result', id, '--output', join(dir, `saved.${format}`)],
        asker.dataDir,
        signal,
      )
      peaks[format] = memoryOf(asker.pid).peakMb
      await rest()
      told[format] = await archipel(['sql', SQL, '--output', join(dir, `asked.${format}`)], asker.dataDir, signal)
      if ((await stat(join(dir, `saved.${format}`))).size === 0) throw new Error(`${format}: an empty file`)
    }
    const rate = (what: string, ms: number, by?: Ended): Figure => {
      const figure = { what, value: (count / ms) * 1000, unit: 'rows/s' }
      if (by === undefined) return figure
      const value = (count / by.ms) * 1000
      return { ...figure, baseline: { what: 'DuckDB COPY', value, unit: 'rows/s', ratio: figure.value / value } }
    }
    return [
      { what: `${count} rows at the asker, durable`, value: taskMs / 1000, unit: 's' },
      rate('the same', taskMs, plain.csv),
      { what: 'of it, in the engine', value: result.elapsedMs / 1000, unit: 's' },
      { what: 'bytes of the result', value: result.bytes / 1e6, unit: 'MB' },
      { what: `read in pages of ${PAGE}`, value: (count / pagesMs) * 1000, unit: 'rows/s' },
      ...FORMATS.flatMap((format) => [
        rate(`asked and saved as ${format} by the CLI`, told[format]!.ms, plain[format]),
        rate(`only saved as ${format} by the CLI`, saved[format]!.ms, plain[format]),
      ]),
      ...(['holder', 'asker'] as const).map((name, i): Figure => {
        const value = restPeaks[i]!
        const baseline = { what: 'before', value, unit: 'MB', ratio: taskPeaks[i]! / value }
        return { what: `highest memory of the ${name}, the task`, value: taskPeaks[i]!, unit: 'MB', baseline }
      }),
      ...FORMATS.flatMap((format): Figure[] => {
        const by = plain[format]
        const value = saved[format]!.peakMb
        const figure = { what: `highest memory of the CLI, ${format}`, value, unit: 'MB' }
        const baseline = by && { what: 'DuckDB COPY', value: by.peakMb, unit: 'MB', ratio: value / by.peakMb }
        return [
          { what: `highest memory of the asker, ${format}`, value: peaks[format]!, unit: 'MB' },
          baseline === undefined ? figure : { ...figure, baseline },
        ]
      }),
    ]
  },
}

function tableSql(count: number, file: string): string {
  const columns = [
    'i AS id',
    '(i * 0.37) % 360 AS ra',
    '(i * 0.13) % 180 - 90 AS dec',
    "'source ' || i AS name",
    'CAST((i % 1000) / 100.0 AS FLOAT) AS mag',
    "TIMESTAMP '2020-01-01' + to_seconds(i) AS observed",
  ]
  return `COPY (SELECT ${columns.join(', ')} FROM range(${count}) t(i)) TO '${file}' (FORMAT parquet)`
}

async function copied({ dir, signal }: BenchContext, file: string, format: string, how: string): Promise<Ended> {
  const sql = `COPY (SELECT * FROM read_parquet('${file}')) TO '${join(dir, `plain.${format}`)}' ${how}`
  return await duckdbProcess(`await connection.run(${JSON.stringify(sql)})`, signal)
}
