/** The options that `run` and `sql` share, and the request they make. */
import type { Command } from 'commander'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { ParamValue } from '../../protocols/model/task.ts'
import type { SubmitRequest } from '../../protocols/model/views.ts'
import { durationOf, LEASE, TIMEOUT } from './duration.ts'
import { wholeNumber } from './whole-number.ts'

/** As the service takes it. */
const MAX_ROWS = 10_000_000

const collect = (value: string, before: string[] = []) => [...before, value]

/** What statements have besides SQL. */
export const SQL_HELP = `
SQL is DuckDB's. For positions on the sky it has separation, in_cone, hms_to_deg, dms_to_deg,
deg_to_hms and deg_to_dms ("Positions on the sky" in README.md). $name is the value of --param name=value.
`
/** How programs reach data and parameters. */
export const PROGRAM_HELP = `
Python (after \`import archipel\`) and R read data by archipel.table("<id>") or archipel.path("<id>");
parameters are in archipel.params, in R archipel$params ("Data in programs" in README.md).
`

/** @throws BAD_INPUT */
export function notBoth(csv: boolean | undefined, json: boolean): void {
  if (csv && json) throw new ArchipelError('BAD_INPUT', 'give --csv or --json, not both')
}

export interface TaskOptions {
  param?: string[]
  on?: string
  timeout?: string
  maxRows?: string
  explain?: boolean
  dryRun?: boolean
  detach?: boolean
  atMostOnce?: boolean
  lease?: string
  name?: string
  key?: string
  publish?: string
  title?: string
  description?: string
  keyword?: string[]
  licence?: string
  output?: string
  csv?: boolean
}

export function taskOptions(command: Command): Command {
  return command
    .option(
      '--param <name=value>',
      'a parameter: numbers, true, false and null as such, all else text, whole numbers of more than 15 digits too (repeatable)',
      collect,
    )
    .option('--on <island>', 'run it at this island')
    .option('--timeout <duration>', 'e.g. 30s; at most what the island allows')
    .option('--max-rows <n>', 'rows of the result; at most what the island allows')
    .option('--explain', 'say which islands were considered, at what cost, and why not')
    .option('--dry-run', 'say that only, and run nothing')
    .option('--detach', 'print the id of the task and leave it to itself')
    .option(
      '--output <path>',
      'save the result: .csv, .json, .ndjson, .parquet, .arrow, the ending of an item, or <folder>/',
    )
    .option('--csv', 'print a table as CSV')
    .option('--publish <id>', 'publish the result as a dataset of this id or name')
    .option('--title <text>', 'title of that dataset')
    .option('--description <text>', 'its description')
    .option('--keyword <word>', 'its keyword (repeatable)', collect)
    .option('--licence <spdx>', 'its licence: SPDX id or URL')
    .option('--name <text>', 'a name for the task, for people')
    .option('--key <key>', 'the same key is the same task: submitted again, it is not run again')
    .option('--at-most-once', 'never begin it a second time, not even when nobody knows what became of the first')
    .option('--lease <duration>', 'silence of an island after which another one gets the task (default: 60s)')
}

/** `n=5`, `word=x`, `word="5"` @throws BAD_INPUT */
function parseParam(text: string): [string, ParamValue] {
  const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]{0,63})=(.*)$/s.exec(text) ?? []
  if (name === undefined)
    throw new ArchipelError('BAD_INPUT', `--param: ${JSON.stringify(text.slice(0, 100))} is not name=value`, {
      hint: 'Write it like --param limit=5 or --param name=Vega; names have letters, digits and _.',
    })
  if (!/^(-?\d|"|true$|false$|null$)/.test(value)) return [name, value]
  // Too long for a number of JSON: as text it stays exact, and SQL compares it with numbers.
  if (/^-?\d+$/.test(value) && !Number.isSafeInteger(Number(value))) return [name, value]
  try {
    const parsed = JSON.parse(value) as ParamValue
    if (typeof parsed === 'number' && !Number.isFinite(parsed)) return [name, value]
    return [name, typeof parsed === 'object' && parsed !== null ? value : parsed]
  } catch {
    return [name, value]
  }
}

/** @throws BAD_INPUT */
function paramsOf(texts: string[]): Record<string, ParamValue> {
  const params = texts.map(parseParam)
  const names = params.map(([name]) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new ArchipelError('BAD_INPUT', `--param: ${twice} is given twice`)
  return Object.fromEntries(params)
}

function publishOf(options: TaskOptions): SubmitRequest['publish'] {
  const { publish, title, description, keyword, licence } = options
  const more = { title, description, keywords: keyword, licence }
  const given = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined))
  if (publish !== undefined) return { id: publish, ...given }
  if (Object.keys(given).length > 0)
    throw new ArchipelError('BAD_INPUT', '--title, --description, --keyword and --licence go with --publish')
  return undefined
}

/** @throws BAD_INPUT */
export function requestOf(
  task: Pick<SubmitRequest, 'kind' | 'code' | 'datasets'>,
  options: TaskOptions,
  { json }: { json: boolean },
): SubmitRequest {
  notBoth(options.csv, json)
  if (options.dryRun && options.detach) throw new ArchipelError('BAD_INPUT', 'give --dry-run or --detach, not both')
  if (options.explain && options.detach)
    throw new ArchipelError('BAD_INPUT', '--explain does not go with --detach', {
      hint: 'Later, `archipel task show <id>` explains the choice; --dry-run explains it without running.',
    })
  if (options.output !== undefined && (options.detach || options.dryRun || options.csv))
    throw new ArchipelError('BAD_INPUT', '--output does not go with --detach, --dry-run or --csv')
  const request: SubmitRequest = { ...task }
  if (options.param !== undefined) request.params = paramsOf(options.param)
  if (options.on !== undefined) request.on = options.on
  if (options.timeout !== undefined) request.timeoutMs = durationOf(options.timeout, TIMEOUT)
  if (options.lease !== undefined) request.leaseMs = durationOf(options.lease, LEASE)
  if (options.maxRows !== undefined) request.maxRows = wholeNumber(options.maxRows, '--max-rows', MAX_ROWS)
  if (options.name !== undefined) request.name = options.name
  if (options.key !== undefined) request.idempotencyKey = options.key
  if (options.atMostOnce) request.atMostOnce = true
  const publish = publishOf(options)
  if (publish !== undefined) request.publish = publish
  return request
}
