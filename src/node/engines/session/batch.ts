import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { BatchInit, EngineBatch, EngineSession, SessionState, StatementOptions } from '../port.ts'
import { changes } from './changes.ts'

const LAST: ReadonlySet<SessionState> = new Set(['success', 'dead', 'killed'])

/** A batch as a session with one statement. The session is asked for at once; its slot may come later. */
export function sessionBatch(
  id: number,
  init: BatchInit,
  options: StatementOptions,
  open: (signal: AbortSignal) => Promise<EngineSession>,
): EngineBatch {
  const { notify, watch } = changes()
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  let state: SessionState = 'starting'
  let session: EngineSession | undefined

  const become = (next: SessionState) => {
    state = next
    notify()
  }

  async function work() {
    session = await open(signal)
    try {
      become('running')
      return await session.run(init.code, { ...options, signal })
    } finally {
      await session.close()
    }
  }

  const outcome = work().then(
    (done) => {
      become('success')
      return done
    },
    (error: unknown) => {
      become(error instanceof ArchipelError && error.code === 'CANCELLED' ? 'killed' : 'dead')
      throw error
    },
  )
  outcome.catch(() => {})

  return {
    id,
    kind: init.kind,
    outcome,
    get state() {
      return state
    },
    watch: (o = {}) =>
      watch(
        () => state,
        (seen) => LAST.has(seen),
        o.signal,
      ),
    log: async (range) => (await session?.log(range)) ?? { bytes: new Uint8Array(), offset: 0, total: 0 },
    async cancel() {
      stop.abort()
      await outcome.catch(() => {})
    },
  }
}
