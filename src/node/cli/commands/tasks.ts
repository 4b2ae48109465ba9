import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type TaskState, taskState } from '../../../protocols/model/task.ts'
import type { TaskQuery, TaskSummary } from '../../../protocols/model/views.ts'
import type { IslandClient } from '../../../web/client/index.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { age, count, milliseconds } from '../format.ts'
import { table } from '../table.ts'
import { shortTask } from '../task-words.ts'

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

async function list(client: IslandClient, query: TaskQuery, limit: number, signal: AbortSignal) {
  const items: TaskSummary[] = []
  let cursor: string | undefined
  do {
    const more = cursor === undefined ? {} : { cursor }
    const page = await client.tasks.list({ ...query, limit: Math.min(PAGE, limit - items.length), ...more }, { signal })
    items.push(...page.items)
    cursor = page.items.length > 0 ? page.next : undefined
  } while (cursor !== undefined && items.length < limit)
  return { items, more: cursor !== undefined }
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
      if (!/^[1-9]\d{0,4}$/.test(options.limit))
        throw new ArchipelError('BAD_INPUT', '--limit: has to be a number from 1 to 99999')
      const limit = Number(options.limit)
      const query: TaskQuery = {
        ...(options.state === undefined ? {} : { state: options.state }),
        ...(options.user === undefined ? {} : { user: options.user }),
        ...(options.all ? { all: true } : {}),
      }
      const client = await cli.client()
      if (options.follow) return follow(cli, client, query, limit)
      const { items, more } = await list(client, query, limit, signal)
      if (io.json) return io.printJson({ items })
      if (items.length > 0)
        io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
      else io.note('no tasks')
      if (more) io.note('there are more; --limit shows them')
    })
}
