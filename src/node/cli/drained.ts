import { once } from 'node:events'

/** Resolves when standard output has taken what was written: a slow reader slows the writer. @throws the reason of the signal */
export async function drained(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain', { signal })
}
