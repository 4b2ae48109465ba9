import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { type EngineName, wantedEngine } from '../../../protocols/model/spark.ts'
import { pause } from '../clock.ts'
import type { FairQueue } from '../fair-queue.ts'
import type { ProvidedAttempt } from '../store/records.ts'
import { keepAttempt } from '../store/task-store.ts'
import type { ProviderComponents } from './components.ts'
import { executor } from './execute.ts'
import { type HeldAttempt, type HeldAttempts, hasEnded, keyOf } from './held.ts'

export interface RunnerComponents
  extends Pick<
    ProviderComponents,
    'clock' | 'store' | 'spool' | 'engine' | 'data' | 'main' | 'journal' | 'queue' | 'logger'
  > {
  held: HeldAttempts
  queues: Record<EngineName, FairQueue>
}

export interface Runner {
  /** Runs it when its turn comes, and keeps its end. */
  start(attempt: HeldAttempt): void
  /** The end of an attempt, once. */
  finish(
    attempt: HeldAttempt,
    end: { error?: ArchipelError; rowCount?: number | undefined; elapsedMs?: number },
  ): Promise<void>
  /** Journals what came of it. */
  note(record: ProvidedAttempt, error: ArchipelError | undefined): void
  /** Bytes that it has printed, as kept. */
  logSize(record: ProvidedAttempt): Promise<number>
  /** Its result and log go, unless they are the requester's own. */
  forgetResult(record: ProvidedAttempt): Promise<void>
  /** Milliseconds since those that run now at the engine began. */
  runningMs(engine: EngineName): number[]
  /** Resolves when nothing runs any more. */
  idle(): Promise<void>
}

/** A full disk may have room again. */
const KEEP_AGAIN_MS = 5_000

/** Runs attempts, each from its place in the queue to its durable end. */
export function runner(init: { self: string; stopping: AbortSignal }, components: RunnerComponents): Runner {
  const { clock, store, spool, held, queues, journal } = components
  const { self, stopping } = init
  const { order } = held
  /** When what runs now began, by `elapsed`. */
  const running = new Map<HeldAttempt, number>()
  const underway = new Set<Promise<void>>()
  const execute = executor({ self }, components)

  /** Waits for a slot, runs, and keeps the end. */
  async function run(attempt: HeldAttempt): Promise<void> {
    const leave = () => attempt.place?.leave()
    attempt.stop.signal.addEventListener('abort', leave, { once: true })
    const came = clock.elapsed()
    const engine = wantedEngine(attempt.record)
    const slots = queues[engine]
    const ahead = Math.max(0, slots.running + slots.waiting - slots.slots)
    const free = await attempt.place?.turn
    attempt.stop.signal.removeEventListener('abort', leave)
    const started = clock.elapsed()
    try {
      if (stopping.aborted) return
      if (free === undefined || attempt.stop.signal.aborted)
        return await finish(attempt, { error: new ArchipelError('CANCELLED', 'the work was cancelled') })
      running.set(attempt, started)
      held.show(attempt, { state: 'running', started: clock.now() })
      const work = attempt.work ?? (await store.attemptWork(attempt.record.task, attempt.record.attempt))
      if (work === undefined) throw new ArchipelError('DATA_DIR_BROKEN', 'the code of the attempt is not there')
      const { meta, startMs } = await execute(attempt, work, {
        begin: (again) => begin(attempt, again),
        onLog: (logBytes) => held.show(attempt, { logBytes }),
      })
      components.queue?.observe(attempt.record.kind, started - came, clock.elapsed() - started, {
        ahead,
        startMs,
        engine,
      })
      await finish(attempt, { rowCount: meta.table?.rowCount, elapsedMs: meta.elapsedMs })
    } catch (cause) {
      await failed(attempt, cause)
    } finally {
      running.delete(attempt)
      free?.()
      if (!stopping.aborted) components.engine.outliving?.release(keyOf(attempt.record))
      // Dropped while it ran: what it wrote after that goes, too.
      if (attempt.record.settled !== undefined) await forgetResult(attempt.record)
    }
  }

  /** Runs it, and lets `stop` wait for its end. */
  function start(attempt: HeldAttempt): void {
    const ending = run(attempt).catch((err: unknown) => {
      components.logger.error({ err, task: attempt.record.task }, 'an attempt could not be run')
    })
    underway.add(ending)
    void ending.then(() => underway.delete(ending))
  }

  async function begin(attempt: HeldAttempt, again: boolean): Promise<void> {
    if (again && !attempt.record.atMostOnce) {
      // It has been counted by the run of the island that began it.
      attempt.counted = (attempt.record.begins ?? 0) > 0
      return
    }
    if (!attempt.record.atMostOnce && attempt.record.begins === undefined) return
    await order.run(attempt.record.task, async () => {
      if (attempt.stop.signal.aborted) return
      const { atMostOnce, begins = 0 } = attempt.record
      const change = atMostOnce ? { begun: true } : { begins: begins + 1 }
      await store.write('provider:begun', keepAttempt({ ...attempt.record, ...change }))
      held.show(attempt, change)
      attempt.counted = !atMostOnce
    })
  }

  /** The island ends in order: that it ran this has nothing to do with it. */
  async function uncount(attempt: HeldAttempt): Promise<void> {
    await order.run(attempt.record.task, async () => {
      const { begins = 0 } = attempt.record
      if (!attempt.counted || hasEnded(attempt.record) || !held.has(attempt)) return
      attempt.counted = false
      await store.write('provider:begun', keepAttempt({ ...attempt.record, begins: begins - 1 }))
    })
  }

  async function failed(attempt: HeldAttempt, cause: unknown): Promise<void> {
    // The island stops: it runs again after the start, or its end is unknown.
    if (stopping.aborted) return await uncount(attempt)
    const error = toArchipelError(cause)
    if (error.code === 'INTERNAL')
      components.logger.error({ err: cause, task: attempt.record.task }, 'an attempt failed unexpectedly')
    while (!stopping.aborted) {
      try {
        return await finish(attempt, { error })
      } catch (err) {
        components.logger.error({ err, task: attempt.record.task }, 'the end of an attempt could not be kept yet')
        await pause(clock, KEEP_AGAIN_MS, stopping)
      }
    }
  }

  async function finish(
    attempt: HeldAttempt,
    end: { error?: ArchipelError; rowCount?: number | undefined; elapsedMs?: number },
  ): Promise<void> {
    await order.run(attempt.record.task, async () => {
      const { record } = attempt
      // Somebody else has ended or dropped it meanwhile.
      if (hasEnded(record) || !held.has(attempt)) return
      const { error, rowCount, elapsedMs } = end
      const logBytes = attempt.logged ? await logSize(record) : record.logBytes
      const next: ProvidedAttempt = {
        ...record,
        state: error === undefined ? 'succeeded' : attempt.stop.signal.aborted ? 'cancelled' : 'failed',
        ended: clock.now(),
        logBytes,
        ...(error === undefined ? {} : { error: error.toInfo() }),
        ...(rowCount === undefined ? {} : { rowCount }),
        ...(elapsedMs === undefined ? {} : { elapsedMs }),
        ...(record.atMostOnce ? { begun: record.begun === true } : {}),
      }
      await store.write(next.state === 'cancelled' ? 'provider:cancel' : 'provider:done', keepAttempt(next))
      held.show(attempt, next)
      note(next, error)
    })
  }

  /** Journalled once, with what came of it. */
  function note(record: ProvidedAttempt, error: ArchipelError | undefined): void {
    const refused = error?.code === 'FORBIDDEN' || error?.code === 'SQL_REFUSED' || error?.code === 'TOO_MANY'
    journal.write({
      actor: `${record.user}@${record.requester}`,
      action: 'task:run',
      subject: record.task,
      outcome: error === undefined ? 'ok' : refused ? 'refused' : 'failed',
      ...(error === undefined ? {} : { code: error.code }),
    })
  }

  async function forgetResult({ task, attempt, requester }: ProvidedAttempt): Promise<void> {
    if (requester === self) return
    await spool.remove({ task, attempt }).catch((err: unknown) => {
      components.logger.warn({ err, task }, 'a result that nobody wants could not be removed')
    })
  }

  async function logSize({ task, attempt }: ProvidedAttempt): Promise<number> {
    return (await spool.log({ task, attempt }, { offset: 0, limit: 0 })).total
  }

  return {
    start,
    finish,
    note,
    logSize,
    forgetResult,
    runningMs: (engine) =>
      [...running].flatMap(([{ record }, since]) => (wantedEngine(record) === engine ? clock.elapsed() - since : [])),
    async idle() {
      await Promise.all(underway)
    },
  }
}
