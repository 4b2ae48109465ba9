import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { type AttemptEvent, type AttemptRequest, type RunRequest, runSpec } from '../../../protocols/task/messages.ts'
import { callSeries, type StreamOpener } from '../../../protocols/wire/client.ts'
import type { SpoolPort } from '../../results/port.ts'

/** Longest statement that `task-run/1` takes. */
const MAX_OLD_CODE = 100_000
const NO_CONTACT = new Set(['UNREACHABLE', 'DEADLINE', 'CANCELLED'])

/**
 * An attempt at an island that speaks `task-run/1` only: one statement, whose result comes with the stream and goes into
 * the spool here at once. Nothing of it is kept there: a broken stream is the end of the attempt.
 */
export async function* oldAttempt(
  network: StreamOpener,
  peerId: string,
  request: Extract<AttemptRequest, { op: 'submit' }>,
  spool: SpoolPort,
  signal: AbortSignal,
): AsyncGenerator<AttemptEvent> {
  const { work, attempt } = request
  if (
    work.kind !== 'sql' ||
    work.engine === 'livy' ||
    Object.keys(work.params).length > 0 ||
    work.code.length > MAX_OLD_CODE
  )
    throw new ArchipelError('LANGUAGE_MISSING', 'an island of an older version takes plain statements only')
  if (request.atMostOnce)
    throw new ArchipelError('LANGUAGE_MISSING', 'an island of an older version cannot promise to begin only once')
  const run: RunRequest = {
    task: work.task,
    attempt,
    user: work.user,
    kind: 'sql',
    code: work.code,
    datasets: work.datasets,
    ...(work.timeoutMs === undefined ? {} : { timeoutMs: work.timeoutMs }),
    ...(work.maxRows === undefined ? {} : { maxRows: work.maxRows }),
  }
  const writer = await spool.write({ task: work.task, attempt })
  let finished = false
  try {
    for await (const event of callSeries(network, peerId, runSpec, run, { signal })) {
      if (event.type === 'accepted') yield event
      else if (event.type === 'running') yield { type: 'state', state: 'running', logBytes: 0 }
      else if (event.type === 'columns') await writer.table(event.columns)
      else if (event.type === 'rows') await writer.rows(event.rows)
      else {
        if (event.truncated) writer.cut()
        const result = await writer.finish(event.elapsedMs)
        finished = true
        yield { type: 'done', state: 'succeeded', logBytes: 0, result }
        return
      }
    }
    throw new ArchipelError('UNREACHABLE', 'the answer ended before the result was complete')
  } catch (cause) {
    const error = toArchipelError(cause)
    if (signal.aborted || NO_CONTACT.has(error.code)) throw error
    // It comes after the acceptance there, and is the end all the same.
    yield { type: 'done', state: 'failed', logBytes: 0, error: error.toInfo() }
  } finally {
    if (!finished) await writer.discard().catch(() => {})
  }
}
