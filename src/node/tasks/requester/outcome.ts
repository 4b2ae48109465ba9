import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { PlacementEntry } from '../../../protocols/model/task.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import { pause } from '../clock.ts'
import type { OwnedAttempt, OwnedTask } from '../store/records.ts'
import type { DoneEvent } from './collect.ts'
import type { RequesterComponents } from './components.ts'
import type { Errands, Told } from './errands.ts'
import { hasEnded, type LiveTask, type LiveTasks, openAttempt, withLast } from './live.ts'
import { keyOf, type Memory } from './memory.ts'

export interface OutcomeComponents
  extends Pick<RequesterComponents, 'clock' | 'journal' | 'logger' | 'publish' | 'results'> {
  live: LiveTasks
  errands: Errands
  viewOf(task: LiveTask): TaskView
  /** Waits with the slot given to others. */
  idle(task: LiveTask, wait: () => Promise<void>): Promise<void>
}

export interface End {
  state: 'failed' | 'cancelled'
  error?: ArchipelError
  /** What becomes of the open attempt of a task that failed. Default `failed`. */
  attemptState?: 'failed' | 'lost'
  told?: Told[]
}

/** Milliseconds between two tries to publish. */
const FIRST_PUBLISH_WAIT_MS = 500
const MAX_PUBLISH_WAIT_MS = 30_000

/** How tasks end: each once, durable, with what providers have to hear of it. */
export function outcomes(
  init: { self: string; publishForMs: number; stopping: AbortSignal },
  components: OutcomeComponents,
) {
  const { clock, live, errands, journal } = components
  const { stopping } = init

  /** The outcome that counts, once and for good. */
  async function accept(
    task: LiveTask,
    memory: Memory,
    open: OwnedAttempt,
    event: DoneEvent,
    error: ArchipelError | undefined,
  ): Promise<void> {
    const told: Told[] = [...memory.told, { island: open.island, ...keyOf(task, open), op: 'acknowledge' }]
    const ended = clock.now()
    const accepted = await live.commit(task, 'requester:outcome', (now) => {
      if (now.cancelRequested) return undefined
      const record: OwnedTask = {
        ...withLast(now, {
          state: error === undefined ? 'succeeded' : 'failed',
          ended,
          ...(error === undefined ? {} : { error: error.toInfo() }),
        }),
        accepted: open.number,
        logBytes: event.logBytes,
      }
      if (error !== undefined) Object.assign(record, { state: 'failed', error: error.toInfo() })
      else {
        const rowCount = event.result?.table?.rowCount
        if (rowCount !== undefined) record.rowCount = rowCount
        if (now.publish === undefined) record.state = 'succeeded'
      }
      if (hasEnded(record.state)) record.ended = ended
      const details = { ...task.details, explain: chosen(task, open.island, memory.excluded) }
      if (event.result !== undefined && error === undefined) details.result = event.result
      return { record, details, more: errands.changes(told) }
    })
    if (!accepted) return
    errands.added(told)
    if (event.result !== undefined)
      components.results?.observe(task.record.kind, task.record.datasets, event.result.bytes)
    if (hasEnded(task.record.state)) note(task)
  }

  async function publish(task: LiveTask): Promise<void> {
    const { record } = task
    const attempt = record.accepted!
    const since = clock.elapsed()
    let published: { id: string; version: string } | undefined
    let error: ArchipelError | undefined
    for (let wait = FIRST_PUBLISH_WAIT_MS; ; wait = Math.min(wait * 2, MAX_PUBLISH_WAIT_MS)) {
      try {
        if (components.publish === undefined)
          throw new ArchipelError('BAD_INPUT', 'this island does not publish results')
        const signal = AbortSignal.any([stopping, task.cancel.signal])
        published = await components.publish(components.viewOf(task), { task: record.id, attempt }, { signal })
        break
      } catch (cause) {
        if (stopping.aborted) return
        error = toArchipelError(cause)
        if (error.code === 'INTERNAL')
          components.logger.error({ err: cause, task: record.id }, 'a result was not published')
        // What passes is waited for: the island is catching up, its disk is full, or something is busy.
        const passes = error.retryable && clock.elapsed() - since < init.publishForMs
        if (!passes || task.cancel.signal.aborted) break
        components.logger.info({ task: record.id, code: error.code }, 'a result could not be published yet')
        await components.idle(task, () => pause(clock, wait, stopping, task.cancel.signal))
        if (stopping.aborted) return
        if (task.cancel.signal.aborted) break
      }
    }
    const ended = clock.now()
    await live.commit(task, 'requester:published', (now) => {
      if (published !== undefined) return { record: { ...now, state: 'succeeded', published, ended } }
      if (now.cancelRequested) return { record: { ...now, state: 'cancelled', ended } }
      return { record: { ...now, state: 'failed', error: error!.toInfo(), ended } }
    })
    note(task)
  }

  async function end(task: LiveTask, memory: Memory, how: End): Promise<void> {
    const told = [...memory.told, ...(how.told ?? [])]
    const ended = clock.now()
    const written = await live.commit(task, 'requester:outcome', (now) => {
      // A cancel that came first is the outcome.
      const state = now.cancelRequested ? 'cancelled' : how.state
      const error = state === 'failed' ? how.error : undefined
      const open = openAttempt(now)
      const closed =
        open === undefined
          ? now
          : withLast(now, {
              state: state === 'cancelled' ? 'cancelled' : (how.attemptState ?? 'failed'),
              ended,
              ...(error === undefined ? {} : { error: error.toInfo() }),
            })
      const record: OwnedTask = { ...closed, state, ended, ...(error === undefined ? {} : { error: error.toInfo() }) }
      return { record, more: errands.changes(told) }
    })
    if (!written) return
    errands.added(told)
    note(task)
  }

  function note(task: LiveTask): void {
    const { record } = task
    journal.write({
      actor: `${record.user}@${init.self}`,
      action: record.state === 'cancelled' ? 'task:cancelled' : 'task:end',
      subject: record.id,
      outcome: record.state === 'failed' ? 'failed' : 'ok',
      ...(record.error === undefined ? {} : { code: record.error.code }),
    })
  }

  return { accept, publish, end }
}

/** The explanation, with the island that has the task, if one has, and with those that turned out not to do. */
export function chosen(task: LiveTask, island: string | undefined, excluded: Map<string, string>): PlacementEntry[] {
  const entries = task.details.explain.map((entry): PlacementEntry => {
    const why = entry.island === island ? undefined : excluded.get(entry.island)
    if (why === undefined) return { ...entry, chosen: entry.island === island }
    const { seconds: _, terms: __, ...rest } = entry
    return { ...rest, chosen: false, confirmed: false, excluded: true, reason: why }
  })
  return [...entries.filter((e) => !e.excluded), ...entries.filter((e) => e.excluded)]
}
