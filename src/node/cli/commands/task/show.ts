import type { Command } from 'commander'
import { FINAL_STATES } from '../../../../protocols/model/task-states.ts'
import type { TaskView } from '../../../../protocols/model/views.ts'
import { clean, cleanLines } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { explanation } from '../../explanation.ts'
import { bytes, cellText, milliseconds, plural } from '../../format.ts'
import type { Io } from '../../io.ts'
import { table } from '../../table.ts'
import { stateWords, taskIdOf } from '../../task-words.ts'

/** Lines of the code that are shown. */
const CODE_LINES = 20

function resultWords({ result, published }: TaskView): string {
  if (result === undefined) return ''
  const rows = result.table === undefined ? '' : `${plural(result.table.rowCount, 'row')}, `
  const items = result.items.map((item) => `${item.name} (${bytes(item.bytes)})`).join(', ')
  return `${result.kind}: ${rows}${items}${published === undefined ? '' : `, published as ${published.id}`}`
}

function toldBy({ from, askedAt, state, waitsFor }: TaskView): string {
  if (from.role === 'requester') return ''
  const ran = waitsFor !== undefined || FINAL_STATES.has(state)
  return `${from.name}, which ${ran ? 'ran' : 'runs'} it; ${askedAt.name} is away`
}

function facts(view: TaskView): [string, string][] {
  const params = Object.entries(view.params).map(([name, value]) => `${name}=${cellText(value)}`)
  const rows: [string, string][] = [
    ['id', view.id],
    ['name', view.name ?? ''],
    ['state', stateWords(view)],
    ['error', view.error === undefined ? '' : `${view.error.code}: ${view.error.message}`],
    ['', view.error?.hint ?? ''],
    ['asked', `${view.askedAt.time} at ${view.askedAt.name} by ${view.user}`],
    ['ended', view.ended ?? ''],
    ['took', milliseconds(view.elapsedMs)],
    ['data', view.datasets.map((d) => `${d.table} (version ${d.version.slice(0, 12)})`).join(', ')],
    ['params', params.join(', ')],
    ['action', view.action === undefined ? '' : `${view.action.id} (version ${view.action.version.slice(0, 12)})`],
    ['engine', view.engine ?? ''],
    ['main', view.batch?.main?.name ?? ''],
    ['class', view.batch?.className ?? ''],
    ['args', (view.batch?.args ?? []).map((arg) => JSON.stringify(arg)).join(' ')],
    ['spark', view.spark === undefined ? '' : JSON.stringify(view.spark)],
    ['result', resultWords(view)],
    ['log', view.logBytes === 0 ? '' : bytes(view.logBytes)],
    ['once', view.atMostOnce ? 'at most' : ''],
    ['retry of', view.retryOf ?? ''],
    ['told by', toldBy(view)],
  ]
  return rows.filter(([, value]) => value !== '')
}

const ATTEMPTS = [
  { header: 'ATTEMPT', align: 'right' as const },
  { header: 'ISLAND', min: 8 },
  { header: 'STATE', min: 9 },
  { header: 'STARTED', min: 19, optional: true },
  { header: 'ERROR' },
]

function print(io: Io, view: TaskView, explain: boolean): void {
  const options = { width: io.width, style: (text: string) => io.style('bold', text) }
  for (const [label, value] of facts(view)) io.print(label.padEnd(10) + clean(value))
  if (view.attempts.length > 0) {
    const rows = view.attempts.map((a) => [
      String(a.number),
      a.name,
      a.state,
      a.started,
      a.error === undefined ? '' : `${a.error.code}: ${a.error.message}`,
    ])
    const used = rows.every((row) => row[4] === '') ? 4 : 5
    io.print(
      `\n${table(
        ATTEMPTS.slice(0, used),
        rows.map((row) => row.slice(0, used)),
        options,
      )}`,
    )
  }
  if (explain && view.explain.length > 0) io.print(`\n${explanation(view.explain, options)}`)
  const code = cleanLines(view.code).trimEnd().split('\n')
  const shown = code.length > CODE_LINES ? [...code.slice(0, CODE_LINES), `... (${code.length} lines)`] : code
  io.print(`\n${view.kind}, SHA-256 ${view.codeSha256.slice(0, 12)}\n${shown.map((line) => `    ${line}`).join('\n')}`)
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--explain', 'say which islands were considered, at what cost, and why not')
    .addHelpText('after', '\nExample:\n  $ archipel task show mb3k2x9f --explain')
    .action(async (text: string, { explain = false }: { explain?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.tasks.show(await taskIdOf(client, text, signal), { signal })
      if (io.json) io.printJson(view)
      else print(io, view, explain)
    })
}
