import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskResult } from '../../../protocols/model/views.ts'
import { parseDuration } from '../../config/units.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { cellText, csvLine, milliseconds, plural } from '../format.ts'
import type { Io } from '../io.ts'
import { withProgress } from '../progress.ts'
import { readFileText, readStdin } from '../read-input.ts'
import { table } from '../table.ts'

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL)/i

interface Options {
  file?: string
  on?: string
  timeout?: string
  maxRows?: string
  explain?: boolean
  csv?: boolean
}

async function statement(argument: string | undefined, file: string | undefined, signal: AbortSignal): Promise<string> {
  if ((argument === undefined) === (file === undefined)) {
    throw new ArchipelError(
      'BAD_INPUT',
      'give the statement as an argument, by -f, or as - on standard input, in one of these ways',
    )
  }
  if (file !== undefined) return file === '-' ? readStdin(signal) : readFileText(file)
  return argument === '-' ? readStdin(signal) : argument!
}

function printTable(io: Io, { result }: TaskResult): void {
  const columns = result.columns.map(({ name, type }) => ({
    header: name,
    align: NUMERIC.test(type) ? ('right' as const) : ('left' as const),
    min: 4,
  }))
  const rows = result.rows.map((row) => columns.map((_, i) => cellText(row[i])))
  if (columns.length > 0) io.print(table(columns, rows, { width: io.width, style: (text) => io.style('bold', text) }))
}

function printCsv(io: Io, { result }: TaskResult): void {
  const safe = process.stdout.isTTY ? clean : (text: string) => text
  io.write(csvLine(result.columns.map((column) => safe(column.name))))
  for (const row of result.rows) io.write(csvLine(result.columns.map((_, i) => safe(cellText(row[i], '')))))
}

/** Where it ran and why. */
function summary({ result, ranAt, askedAt, elapsedMs, explain }: TaskResult): string {
  const where =
    ranAt === undefined ? 'nowhere' : ranAt.island === askedAt.island ? `${ranAt.name} (this island)` : ranAt.name
  const why = explain.find((entry) => entry.chosen)?.reason
  const more = result.truncated ? '; there are more, raise --max-rows or select less' : ''
  return clean(
    `${plural(result.rowCount, 'row')} in ${milliseconds(elapsedMs)} at ${where}${why === undefined ? '' : `: ${why}`}${more}`,
  )
}

function explanation({ explain }: TaskResult): string {
  const columns = [
    { header: 'ISLAND' },
    { header: 'CHOSEN' },
    { header: 'CONFIRMED' },
    { header: 'HOLDS', align: 'right' as const },
    { header: 'REASON' },
  ]
  const yes = (value: boolean) => (value ? 'yes' : 'no')
  const rows = explain.map((e) => [e.name, yes(e.chosen), yes(e.confirmed), String(e.holds.length), e.reason])
  return table(columns, rows, {
    width: process.stderr.isTTY ? (process.stderr.columns ?? 80) : Number.POSITIVE_INFINITY,
  })
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[statement]', 'one SELECT; tables are dataset ids in double quotes or short names; - for standard input')
    .option('-f, --file <path>', 'file with the statement')
    .option('--on <island>', 'run it at this island')
    .option('--timeout <duration>', 'e.g. 30s; at most what the island allows')
    .option('--max-rows <n>', 'rows of the result; at most what the island allows')
    .option('--explain', 'say which islands were considered, and why')
    .option('--csv', 'print CSV')
    .addHelpText('after', '\nExample:\n  $ archipel sql "SELECT name, vmag FROM bright_stars ORDER BY vmag LIMIT 5"')
    .action(async (argument: string | undefined, options: Options) => {
      const { io, signal } = cli
      const { on, maxRows } = options
      if (maxRows !== undefined && !/^[1-9]\d{0,7}$/.test(maxRows))
        throw new ArchipelError('BAD_INPUT', '--max-rows: has to be a number from 1')
      const timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout)
      const sql = await statement(argument, options.file, signal)
      if (sql.trim() === '') throw new ArchipelError('BAD_INPUT', 'the statement is empty')
      const client = await cli.client()
      const request = { sql, on, timeoutMs, maxRows: maxRows === undefined ? undefined : Number(maxRows) }
      const answer = await withProgress(io, 'running', () => client.sql(request, { signal }))
      if (io.json) return io.printJson(answer)
      if (options.csv) printCsv(io, answer)
      else printTable(io, answer)
      io.note(summary(answer))
      if (options.explain) io.note(explanation(answer))
    })
}
