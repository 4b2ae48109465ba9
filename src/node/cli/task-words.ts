/** Tasks in words. */
import { ArchipelError, errorFromInfo } from '../../protocols/model/errors.ts'
import { type ResultMeta, taskId } from '../../protocols/model/task.ts'
import { FINAL_STATES } from '../../protocols/model/task-states.ts'
import type { TaskView } from '../../protocols/model/views.ts'
import type { IslandClient } from '../../web/client/index.ts'
import { iterate } from '../../web/client/pages.ts'
import { clean } from './clean.ts'
import { bytes, milliseconds, plural } from './format.ts'

/** The part of an id that tells tasks of one island apart; the commands take it for the whole. */
export function shortTask(id: string): string {
  return id.split('-').at(-1) ?? id
}

const PAGE = 500
const MIN_SHORT = 4

/** The id that is meant: a whole one of any island, or the beginning or end of the last part of one of this island. @throws TASK_NOT_FOUND, AMBIGUOUS */
export async function taskIdOf(client: IslandClient, text: string, signal: AbortSignal): Promise<string> {
  if (taskId.safeParse(text).success) return text
  const short = text.toLowerCase()
  if (!/^[a-z0-9]{1,40}$/.test(short) || short.length < MIN_SHORT)
    throw new ArchipelError('BAD_INPUT', `${JSON.stringify(text.slice(0, 100))} is not the id of a task`, {
      hint: `Give the id, or at least ${MIN_SHORT} characters of it as \`archipel tasks\` shows it.`,
    })
  const found: string[] = []
  for await (const { id } of iterate(client.tasks.list, { limit: PAGE }, { signal })) {
    const tail = shortTask(id)
    if (tail === short) return id
    if (tail.startsWith(short) || tail.endsWith(short)) found.push(id)
  }
  if (found.length === 1) return found[0]!
  if (found.length === 0) throw new ArchipelError('TASK_NOT_FOUND', `this island knows no task ${short}`)
  throw new ArchipelError('AMBIGUOUS', `${found.length} tasks of this island fit ${short}`, {
    hint: 'Give more of the id.',
    details: { candidates: found.slice(0, 20) },
  })
}

/** `running at grenoble` */
export function stateWords(view: Pick<TaskView, 'state' | 'ranAt' | 'attempts' | 'waitsFor'>): string {
  const at = view.ranAt?.name ?? view.attempts.at(-1)?.name
  if (view.waitsFor !== undefined)
    return `finished${at === undefined ? '' : ` at ${clean(at)}`}, waits for ${clean(view.waitsFor.name)}`
  const again = view.attempts.length > 1 ? `, attempt ${view.attempts.length}` : ''
  switch (view.state) {
    case 'queued':
      return 'queued'
    case 'placing':
      return `choosing an island${again}`
    case 'staging':
      return `${at === undefined ? 'handing it over' : `handing it to ${clean(at)}`}${again}`
    default:
      return `${view.state}${at === undefined ? '' : ` at ${clean(at)}`}${again}`
  }
}

export function isEnded(view: Pick<TaskView, 'state'>): boolean {
  return FINAL_STATES.has(view.state)
}

/** Why a task that has ended has no result. */
export function failureOf(view: TaskView): ArchipelError {
  const details = { ...view.error?.details, task: view.id }
  if (view.error === undefined)
    return new ArchipelError('CANCELLED', `the task was ${view.state}`, {
      hint: `\`archipel task retry ${shortTask(view.id)}\` runs it again.`,
      details,
    })
  const hint = view.error.hint.replace(/(archipel task \w+) <id>/g, `$1 ${shortTask(view.id)}`)
  return errorFromInfo({ ...view.error, hint, details })
}

/** `5 rows`, `an image`, `3 files` */
function amount(result: ResultMeta): string {
  if (result.table !== undefined) return plural(result.table.rowCount, 'row')
  if (result.kind === 'none') return 'no result'
  return `${result.items.map((item) => item.name).join(', ')} (${bytes(result.bytes)})`
}

/** Why there are more rows than came. */
function cutWords({ maxRows, result, ranAt }: TaskView): string {
  if (maxRows !== undefined && (result?.table?.rowCount ?? 0) >= maxRows)
    return 'there are more: raise --max-rows, or select less'
  return `there are more, but ${ranAt?.name ?? 'the island'} gives no larger result: select less, or aggregate`
}

/** What came out, where it ran and why. */
export function summary(view: TaskView): string {
  const { ranAt, askedAt, result, elapsedMs, explain } = view
  const where =
    ranAt === undefined ? 'nowhere' : ranAt.island === askedAt.island ? `${ranAt.name} (this island)` : ranAt.name
  const chosen = explain.find((entry) => entry.island === ranAt?.island) ?? explain.find((entry) => entry.chosen)
  const what = result === undefined ? view.state : amount(result)
  const more = result?.table?.truncated ? `; ${cutWords(view)}` : ''
  const published = view.published === undefined ? '' : `; published as ${view.published.id}`
  const why = chosen === undefined ? '' : `: ${chosen.reason}`
  return clean(`${what} in ${milliseconds(elapsedMs)} at ${where}${why}${more}${published}`)
}
