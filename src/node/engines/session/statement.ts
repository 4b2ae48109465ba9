import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { EngineStatement, StatementOptions, StatementOutcome, StatementState, StatementView } from '../port.ts'
import { changes } from './changes.ts'

const LAST: ReadonlySet<StatementState> = new Set(['available', 'error', 'cancelled'])

export interface Running {
  /** Aborted by whoever asked, by `cancel`, or by the end of the session. */
  signal: AbortSignal
  progress(fraction: number): void
}

/** A statement as the session that runs it sees it. */
export interface OwnStatement extends EngineStatement {
  readonly over: boolean
  /** Runs it, unless it was cancelled before; resolves when it is over. */
  begin(execute: (running: Running) => Promise<StatementOutcome>): Promise<void>
  /** Ends it with this error, whether it has begun or not. */
  fail(error: ArchipelError): void
}

const cancelled = () => new ArchipelError('CANCELLED', 'the statement was cancelled')

export function statement(id: number, code: string, options: StatementOptions): OwnStatement {
  const { signal } = options
  const result = Promise.withResolvers<StatementOutcome>()
  result.promise.catch(() => {})
  const stop = new AbortController()
  const { notify, watch } = changes()
  const current: StatementView = { id, code, state: 'waiting', progress: 0, started: 0, completed: 0 }
  let settled: Promise<unknown> = result.promise
  let listening = signal !== undefined

  const view = (): StatementView => ({ ...current })

  function end(state: StatementState, what: { outcome: StatementOutcome } | { error: ArchipelError }): void {
    if (LAST.has(current.state)) return
    if (listening) signal?.removeEventListener('abort', onAbort)
    listening = false
    current.state = state
    current.progress = 1
    if (current.started !== 0) current.completed = Date.now()
    if ('outcome' in what) {
      current.outcome = what.outcome
      result.resolve(what.outcome)
    } else {
      if (state === 'available') current.error = what.error.toInfo()
      result.reject(what.error)
    }
    notify()
  }

  function onAbort(): void {
    if (current.state === 'waiting') end('cancelled', { error: cancelled() })
    if (current.state !== 'running') return
    current.state = 'cancelling'
    stop.abort()
    notify()
  }
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })

  return {
    id,
    view,
    outcome: result.promise,
    watch: (o = {}) => watch(view, (seen) => LAST.has(seen.state), o.signal),
    async cancel() {
      onAbort()
      await settled.catch(() => {})
    },
    get over() {
      return LAST.has(current.state)
    },
    async begin(execute) {
      if (LAST.has(current.state)) return
      current.state = 'running'
      current.started = Date.now()
      notify()
      const progress = (fraction: number) => {
        if (!(fraction >= 0 && fraction <= 1) || LAST.has(current.state)) return
        current.progress = fraction
        notify()
      }
      const work = execute({ signal: stop.signal, progress })
      settled = work
      try {
        end('available', { outcome: await work })
      } catch (cause) {
        const error = toArchipelError(cause)
        end(error.code === 'CANCELLED' ? 'cancelled' : 'available', { error })
      }
    },
    fail(error) {
      end(error.code === 'CANCELLED' ? 'cancelled' : 'available', { error })
    },
    forget() {
      delete current.outcome
    },
  }
}
