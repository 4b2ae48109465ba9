import { z } from 'zod'
import { type TaskKind, taskKind } from '../../protocols/model/task.ts'
import { type Average, type AverageRule, fold } from './average.ts'
import { type KeptComponents, kept, storedAverage } from './kept.ts'
import type { LocalLoad, QueueObserver } from './port.ts'
import { plural, secondsText } from './words.ts'

export interface WaitEstimate {
  waitMs: number
  /** In words. */
  reason: string
}

export interface QueueHistory extends QueueObserver {
  start(): Promise<void>
  stop(): Promise<void>
  /** How long a piece of work that comes now would wait. */
  wait(load: LocalLoad): WaitEstimate
  /** Milliseconds that the engine needs until work of this kind begins; undefined before the first was measured. */
  startMs(kind: TaskKind): number | undefined
  /** Milliseconds that a piece runs on average, of one kind or of all; undefined before the first. */
  runMs(kind?: TaskKind): number | undefined
}

const RULE: AverageRule = { weight: 0.2, halfLifeMs: 60 * 60_000 }
/** A piece is taken to run so long while none has ended and none is running: nothing waits then for long. */
const FIRST_RUN_MS = 1_000
/** From so many on, measured waits count more than what run times and slots lead to expect. */
const ENOUGH_WAITS = 3

const shape = z.object({
  /** Run times and engine starts, by kind. */
  kinds: z.partialRecord(taskKind, z.object({ run: storedAverage, start: storedAverage.optional() })),
  run: storedAverage.optional(),
  /** Wait for each piece that was ahead. */
  perAhead: storedAverage.optional(),
})

interface State {
  kinds: Partial<Record<TaskKind, { run: Average; start?: Average | undefined }>>
  run?: Average | undefined
  perAhead?: Average | undefined
}

/** How long work has waited and run at this island, and what that says for the next piece. */
export function queueHistory(
  /** `of`: another queue than that of the built-in engine, kept by itself. */
  components: KeptComponents & { now?: () => number; of?: string },
): QueueHistory {
  const now = components.now ?? Date.now
  let state: State = { kinds: {} }
  const file = kept<State>(
    {
      key: components.of === undefined ? 'placement:queue' : `placement:queue-${components.of}`,
      schema: shape,
      snapshot: () => state,
      restore: (value) => {
        state = value
      },
    },
    components,
  )

  return {
    start: () => file.start(),
    stop: () => file.stop(),
    observe(kind, waitedMs, ranMs, more = {}) {
      if (![waitedMs, ranMs, more.ahead ?? 0, more.startMs ?? 0].every((n) => Number.isFinite(n) && n >= 0)) return
      const at = now()
      const before = state.kinds[kind]
      const run = fold(before?.run, ranMs, at, RULE)
      const start = more.startMs === undefined ? before?.start : fold(before?.start, more.startMs, at, RULE)
      state.kinds[kind] = start === undefined ? { run } : { run, start }
      state.run = fold(state.run, ranMs, at, RULE)
      if (more.ahead !== undefined && more.ahead > 0)
        state.perAhead = fold(state.perAhead, waitedMs / more.ahead, at, RULE)
      file.changed()
    },
    wait(load) {
      const ahead = Math.max(0, load.running + load.waiting + 1 - Math.max(1, load.slots))
      if (ahead === 0) return { waitMs: 0, reason: 'a slot is free' }
      const slots = Math.max(1, load.slots)
      const run = state.run?.value ?? FIRST_RUN_MS
      // Work that has run for longer than usual will not end at once: what it has run is the best guess of what is left.
      const ages = load.runningMs ?? []
      const age = ages.length === 0 ? 0 : ages.reduce((sum, ms) => sum + ms, 0) / ages.length
      const waits = state.perAhead !== undefined && state.perAhead.samples >= ENOUGH_WAITS
      const each = Math.max(waits ? state.perAhead!.value : run / slots, age > run ? age / slots : 0)
      const basis = waits
        ? `each took ${secondsText(state.perAhead!.value / 1000)} to clear lately`
        : state.run === undefined
          ? 'nothing was measured yet'
          : `work runs ${secondsText(run / 1000)} on average`
      const long = age > run ? `, what runs now has run ${secondsText(age / 1000)}` : ''
      return { waitMs: ahead * each, reason: `${plural(ahead, 'piece')} ahead, ${basis}${long}` }
    },
    startMs: (kind) => state.kinds[kind]?.start?.value,
    runMs: (kind) => (kind === undefined ? state.run : state.kinds[kind]?.run)?.value,
  }
}
