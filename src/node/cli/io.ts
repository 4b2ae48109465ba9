/** The terminal, or whatever stands in its place. Answers go to stdout, all else to stderr. */
import { styleText } from 'node:util'
import type { ErrorInfo } from '../../protocols/model/errors.ts'
import { clean, cleanLines, safeJson } from './clean.ts'
import { table } from './table.ts'

export interface IoInit {
  json: boolean
  quiet: boolean
  color: boolean
}

type Style = Parameters<typeof styleText>[0]

export interface Io {
  readonly json: boolean
  /** Cells of a line of stdout; Infinity when it is not a terminal. */
  readonly width: number
  /** Progress may be drawn. */
  readonly live: boolean
  /** A question may be asked. */
  readonly interactive: boolean
  /** Text of ours, or cleaned already, with a line feed. */
  print(text: string): void
  /** As `print`, without a line feed. */
  write(text: string): void
  /** One JSON document: indented on a terminal, else on one line. */
  printJson(value: unknown): void
  /** Words beside the answer; silent with --quiet and --json. */
  note(text: string): void
  /** For stdout, where it is a terminal. */
  style(style: Style, text: string): string
  /** Draws over the current line of stderr. */
  draw(text: string): void
}

/** Below this, lines are not made to fit. */
const MIN_COLUMNS = 20

export function terminal({ json, quiet, color }: IoInit): Io {
  const { stdout, stderr, stdin } = process
  const paint = (stream: NodeJS.WriteStream, style: Style, text: string) =>
    color && stream.isTTY && !process.env.NO_COLOR ? styleText(style, text, { validateStream: false }) : text
  return {
    json,
    width: stdout.isTTY && stdout.columns >= MIN_COLUMNS ? stdout.columns : Number.POSITIVE_INFINITY,
    live: Boolean(stderr.isTTY) && !json && !quiet,
    interactive: Boolean(stdin.isTTY && stderr.isTTY) && !json,
    print: (text) => void stdout.write(`${text}\n`),
    write: (text) => void stdout.write(text),
    printJson: (value) => void stdout.write(`${safeJson(value, stdout.isTTY ? 2 : undefined)}\n`),
    note(text) {
      if (!quiet && !json) stderr.write(`${text}\n`)
    },
    style: (style, text) => paint(stdout, style, text),
    draw: (text) => void stderr.write(`\r\u001b[2K${text}`),
  }
}

/** What an ambiguous name may mean: ids one a line, datasets as a table. Nothing is cut, since one of them is to be copied. */
function candidates({ details }: ErrorInfo): string {
  const items: unknown[] = Array.isArray(details?.candidates) ? details.candidates : []
  if (items.length === 0) return ''
  const datasets = items.filter((item): item is Candidate => typeof (item as Candidate | null)?.id === 'string')
  if (datasets.length < items.length)
    return items.map((item) => `  ${clean(typeof item === 'string' ? item : safeJson(item))}\n`).join('')
  // An id that several publish needs the publisher beside it.
  const twice = new Set(datasets.map((d) => d.id)).size < datasets.length
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : '-')
  const rows = datasets.map((d) => [
    twice ? text(d.ref ?? d.id) : d.id,
    text(d.island ?? d.publisher),
    text(d.version).slice(0, 12),
  ])
  const columns = ['ID', 'PUBLISHER', 'VERSION'].map((header) => ({ header }))
  return `${table(columns, rows, { width: Number.POSITIVE_INFINITY }).replace(/^/gm, '  ')}\n`
}

interface Candidate {
  id: string
  publisher?: unknown
  island?: unknown
  version?: unknown
  ref?: unknown
}

/** `error: ...` and `hint: ...`, or one JSON object, on stderr. */
export function printError(info: ErrorInfo, json: boolean): void {
  if (json) process.stderr.write(`${safeJson({ error: info })}\n`)
  else process.stderr.write(`error: ${cleanLines(info.message)}\n${candidates(info)}hint: ${cleanLines(info.hint)}\n`)
}
