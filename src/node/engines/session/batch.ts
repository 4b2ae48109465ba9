import type { BatchInit, EngineBatch, EngineSession, StatementOptions } from '../port.ts'
import { batchHandle } from './batch-handle.ts'

/** A batch as a session with one statement. The session is asked for at once; its slot may come later. */
export function sessionBatch(
  id: number,
  init: BatchInit,
  options: StatementOptions,
  open: (signal: AbortSignal) => Promise<EngineSession>,
): EngineBatch {
  let session: EngineSession | undefined
  return batchHandle(
    {
      id,
      kind: init.kind,
      log: async (range) => (await session?.log(range)) ?? { bytes: new Uint8Array(), offset: 0, total: 0 },
      async work(become, signal) {
        session = await open(signal)
        try {
          become('running')
          return await session.run(init.code, { ...options, signal })
        } finally {
          await session.close()
        }
      },
    },
    options,
  )
}
