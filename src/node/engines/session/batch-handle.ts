import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { EngineBatch, SessionState, StatementOptions, StatementOutcome } from '../port.ts'
import { changes } from './changes.ts'

export interface BatchWork {
  id: number
  kind: EngineBatch['kind']
  log: EngineBatch['log']
  /** Begun at once. `signal` aborts when the batch is cancelled. */
  work(become: (state: SessionState) => void, signal: AbortSignal): Promise<StatementOutcome>
  /** What those who wait are told of an error. Default: the error. */
  told?(cause: unknown): ArchipelError
}

const LAST: ReadonlySet<SessionState> = new Set(['success', 'dead', 'killed'])

/** A batch for those who asked for it, whatever runs it. */
export function batchHandle({ id, kind, log, work, told }: BatchWork, options: StatementOptions): EngineBatch {
  const { notify, watch } = changes()
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  let state: SessionState = 'starting'

  function become(next: SessionState): void {
    if (next === state) return
    state = next
    notify()
  }

  const outcome = work(become, signal).then(
    (done) => {
      become('success')
      return done
    },
    (cause: unknown) => {
      const error = (told ?? toArchipelError)(cause)
      become(error.code === 'CANCELLED' ? 'killed' : 'dead')
      throw error
    },
  )
  outcome.catch(() => {})

  return {
    id,
    kind,
    outcome,
    log,
    get state() {
      return state
    },
    watch: (o = {}) =>
      watch(
        () => state,
        (seen) => LAST.has(seen),
        o.signal,
      ),
    async cancel() {
      stop.abort()
      await outcome.catch(() => {})
    },
  }
}
