import { ArchipelError, errorFromInfo } from '../../protocols/model/errors.ts'
import type { SqlRequest, TaskResult, TaskView } from '../../protocols/model/views.ts'
import type { Tasks } from './tasks.ts'

/** Rows that come with the answer when nobody says how many. */
const DEFAULT_ROWS = 100_000

/**
 * A statement asked and answered in one call, as a task like any other: submitted, waited for, read. Who leaves cancels it, unless the request
 * has an idempotency key.
 * @throws what ended the task, with its id and its explanation in `details`
 */
export function sqlOnTasks(
  tasks: Pick<Tasks, 'submit' | 'ended' | 'show' | 'rows' | 'cancel'>,
): (request: SqlRequest, options?: { signal?: AbortSignal; user?: string }) => Promise<TaskResult> {
  return async (request, options = {}) => {
    const { signal, user } = options
    const { sql, on, timeoutMs, maxRows, idempotencyKey } = request
    const { id } = await tasks.submit(
      {
        kind: 'sql',
        code: sql,
        ...(on === undefined ? {} : { on }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(maxRows === undefined ? {} : { maxRows }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      },
      { ...(signal === undefined ? {} : { signal }), ...(user === undefined ? {} : { user }) },
    )
    const end = await orAborted(tasks.ended(id), signal, async () => {
      // Who gave a key may ask again for the answer.
      if (idempotencyKey === undefined) await tasks.cancel(id)
    })
    const view = end ?? (await tasks.show(id))
    if (view.state !== 'succeeded') throw failure(view)
    return await answer(view, maxRows ?? DEFAULT_ROWS)
  }

  async function answer(view: TaskView, limit: number): Promise<TaskResult> {
    const { id, state, askedAt, ranAt, explain, elapsedMs } = view
    const { total, from: _, ...result } = await tasks.rows(id, { from: 0, limit })
    return {
      id,
      state,
      askedAt,
      ranAt,
      datasets: view.datasets.map(({ table, id: dataset, version }) => ({ table, id: dataset, version })),
      result: { ...result, truncated: result.truncated || total > result.rowCount },
      explain,
      elapsedMs,
    }
  }
}

function failure(view: TaskView): ArchipelError {
  const { id, explain, error } = view
  const details = { ...error?.details, task: id, explain }
  if (error === undefined) return new ArchipelError('CANCELLED', 'the task was cancelled', { details })
  return errorFromInfo({ ...error, details })
}

async function orAborted<T>(
  ended: Promise<T>,
  signal: AbortSignal | undefined,
  leave: () => Promise<unknown>,
): Promise<T> {
  if (signal === undefined) return await ended
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new ArchipelError('CANCELLED', 'the call was cancelled'))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([ended, promise])
  } catch (error) {
    await leave().catch(() => {})
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
