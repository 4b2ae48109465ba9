/** A task from its submission to its rows. */

import { type ArchipelError, errorFromInfo, toArchipelError } from '../../protocols/model/errors.ts'
import type { Cell } from '../../protocols/model/task.ts'
import { FINAL_STATES } from '../../protocols/model/task-states.ts'
import type { SubmitRequest, TaskView } from '../../protocols/model/views.ts'
import type { IslandTasks } from '../ports.ts'

export interface RunOptions {
  /** Cancels the task, too. */
  signal?: AbortSignal
  /** The task as submitted, and at each change. */
  onChange?: (task: TaskView) => void
}

export interface TaskRun {
  /** At its end. */
  task: TaskView
  /** Names of the columns; empty where the result has no table. */
  columns: string[]
  /** The rows of the table, page by page as they are read; may be read again. */
  rows: AsyncIterable<Cell[]>
}

const ROWS_PAGE = 1000
/** Milliseconds that the island has to take the cancellation of a task that nobody waits for any more. */
const CANCEL_MS = 5000

/** 128 bits by chance; `randomUUID` is missing in pages that came over plain http. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Submits, waits for the end, and gives the rows. A connection that breaks meanwhile is made again: the key makes the
 * submission one.
 * @throws what ended the task without a result (`details.task` is its id), CANCELLED by the signal, and as `submit`
 */
export async function runTask(
  tasks: IslandTasks,
  request: SubmitRequest,
  { signal, onChange }: RunOptions = {},
): Promise<TaskRun> {
  const keyed = { ...request, idempotencyKey: request.idempotencyKey ?? randomKey() }
  let view = await tasks.submit(keyed, { signal })
  const { id } = view
  onChange?.(view)
  try {
    for await (const next of tasks.watch(id, { signal })) {
      view = next
      onChange?.(view)
    }
    if (!FINAL_STATES.has(view.state)) view = await tasks.show(id, { signal })
  } catch (cause) {
    if (signal?.aborted) await tasks.cancel(id, { signal: AbortSignal.timeout(CANCEL_MS) }).catch(() => {})
    throw toArchipelError(cause)
  }
  if (view.state !== 'succeeded') throw failureOf(view)
  const table = view.result?.table
  async function* rows(): AsyncGenerator<Cell[], void, void> {
    let from = 0
    for (let total = table?.rowCount ?? 0; from < total; ) {
      const page = await tasks.rows(id, { from, limit: ROWS_PAGE }, { signal })
      yield* page.rows
      from += page.rows.length
      if (page.rows.length === 0) return
      total = page.total
    }
  }
  const columns = table?.columns.map(({ name }) => name) ?? []
  return { task: view, columns, rows: { [Symbol.asyncIterator]: rows } }
}

function failureOf({ id, state, error }: TaskView): ArchipelError {
  const info = error ?? { code: 'CANCELLED', message: `the task ${state === 'failed' ? 'failed' : 'was cancelled'}` }
  return errorFromInfo({ ...info, details: { ...error?.details, task: id } })
}
