import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { type TaskState, taskState } from '../../../protocols/model/task.ts'
import type { TaskPage, TaskQuery, TaskSummary } from '../../../protocols/model/views.ts'
import type { IslandClient } from '../../../web/client/index.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { firstOf, MAX_SHOWN } from '../first-of.ts'
import { age, count, milliseconds } from '../format.ts'
import { table } from '../table.ts'
import { shortTask } from '../task-words.ts'
import { wholeNumber } from '../whole-number.ts'

const PAGE = 500
/** Milliseconds between two looks, with --follow. */
const EVERY_MS = 1000

const COLUMNS = [
  { header: 'ID', min: 20 },
  { header: 'STATE', min: 9 },
  { header: 'KIND', optional: true },
  { header: 'AT', min: 8 },
  { header: 'ASKED' },
  { header: 'TOOK', align: 'right' as const, min: 7 },
  { header: 'ROWS', align: 'right' as const, optional: true },
  { header: 'WHAT', min: 12 },
]

/** Its name, else its data, and why it failed. */
function what({ name, datasets, error }: TaskSummary): string {
  const text = name ?? datasets.map((id) => /^archipel:[^/]+\/(.+)$/.exec(id)?.[1] ?? id).join(', ')
  return error === undefined ? text : `${text}${text === '' ? '' : ': '}${error.code}`
}

/** What runs for others has finished here before it has for its owner. */
function stateOf({ state, waitsFor }: TaskSummary): string {
  return waitsFor === undefined ? state : `finished, waits for ${waitsFor.name}`
}

function row(task: TaskSummary): string[] {
  const rows = task.rowCount === undefined ? '-' : count(task.rowCount)
  const asked = `${age(task.askedAt.time)} ago`
  return [
    shortTask(task.id),
    stateOf(task),
    task.kind,
    task.ranAt?.name ?? '-',
    asked,
    milliseconds(task.elapsedMs),
    rows,
    what(task),
  ]
}

function list(client: IslandClient, query: TaskQuery, most: number, signal: AbortSignal): Promise<TaskPage> {
  return firstOf((page) => client.tasks.list({ ...query, ...page }, { signal }), { most, pageSize: PAGE })
}

/** Prints each task whose state changed since the last look, oldest first. */
async function follow({ io, signal }: Cli, client: IslandClient, query: TaskQuery, limit: number): Promise<void> {
  const { state: wanted, ...rest } = query
  const states = new Map<string, string>()
  for (let first = true; ; first = false) {
    const { items } = await list(client, rest, limit, signal)
    for (const task of items.reverse()) {
      if (states.get(task.id) === stateOf(task)) continue
      states.set(task.id, stateOf(task))
      if (first || (wanted !== undefined && task.state !== wanted)) continue
      if (io.json) {
        io.printJson(task)
        continue
      }
      const words = [new Date().toISOString(), shortTask(task.id), stateOf(task), task.ranAt?.name ?? '-', what(task)]
      io.print(words.map(clean).join('  ').trimEnd())
    }
    await sleep(EVERY_MS, undefined, { signal })
  }
}

export function define(command: Command, cli: Cli): void {
  command
    .addOption(new Option('--state <state>', 'only those in this state').choices(taskState.options))
    .option('--user <name>', 'only those that this user asked for')
    .option('--all', 'also what this island runs or ran for others')
    .option('--limit <n>', 'tasks to show, newest first', '20')
    .option('--follow', 'print changes as they happen')
    .addHelpText('after', '\nExample:\n  $ archipel tasks --state running')
    .action(async (options: { state?: TaskState; user?: string; all?: boolean; limit: string; follow?: boolean }) => {
      const { io, signal } = cli
      const limit = wholeNumber(options.limit, '--limit', MAX_SHOWN)
      const query: TaskQuery = {
        ...(options.state === undefined ? {} : { state: options.state }),
        ...(options.user === undefined ? {} : { user: options.user }),
        ...(options.all ? { all: true } : {}),
      }
      const client = await cli.client()
      if (options.follow) return follow(cli, client, query, limit)
      const { items, next } = await list(client, query, limit, signal)
      if (io.json) return io.printJson({ items })
      if (items.length > 0)
        io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
      else io.note('no tasks')
      if (next !== undefined) io.note('there are more; --limit shows them')
    })
}
