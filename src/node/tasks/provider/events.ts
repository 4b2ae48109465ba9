import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { AttemptEvent } from '../../../protocols/task/messages.ts'
import type { SpoolPort } from '../../results/port.ts'
import type { Clock } from '../clock.ts'
import type { ProvidedAttempt } from '../store/records.ts'
import { type HeldAttempt, hasEnded } from './held.ts'

/** Milliseconds between two signs of life at most, however long the lease. */
const MAX_SIGN_MS = 10_000
/** Bytes of results that come with the end, whatever the asker would take. */
const MAX_INLINE_BYTES = 3 * 1024 * 1024

/** What the requester sees of an attempt: that it is there, each change and sign of life, and the end. */
export async function* attemptEvents(
  held: HeldAttempt,
  options: { inlineBytes: number; signal: AbortSignal },
  { clock, spool }: { clock: Clock; spool: SpoolPort },
): AsyncGenerator<AttemptEvent> {
  const { signal } = options
  held.watchers++
  try {
    yield { type: 'accepted' }
    const every = Math.min(held.record.leaseMs / 4, MAX_SIGN_MS)
    while (!signal.aborted) {
      const changed = held.changed.wait(clock, every, signal)
      if (hasEnded(held.record)) {
        yield await doneEvent(held.record, options.inlineBytes, spool)
        return
      }
      const { state, logBytes, settled } = held.record
      if (settled !== undefined) throw new ArchipelError('FENCED', 'the attempt is not wanted any more')
      yield { type: 'state', state, logBytes }
      await changed
    }
  } finally {
    held.watchers--
  }
}

async function doneEvent(record: ProvidedAttempt, inlineBytes: number, spool: SpoolPort): Promise<AttemptEvent> {
  const { state, logBytes, error, begun } = record
  const key = { task: record.task, attempt: record.attempt }
  if (state !== 'succeeded')
    return {
      type: 'done',
      state: state === 'cancelled' ? 'cancelled' : 'failed',
      logBytes,
      ...(error === undefined ? {} : { error }),
      ...(begun === undefined ? {} : { begun }),
    }
  const meta = await spool.meta(key)
  if (meta === undefined) {
    const lost = { code: 'INTERNAL', message: 'the result is not kept any more' }
    return { type: 'done', state: 'failed', logBytes, error: lost }
  }
  const inline: { name: string; bytes: Uint8Array }[] = []
  let left = Math.min(inlineBytes, MAX_INLINE_BYTES)
  for (const item of meta.items) {
    if (item.bytes > left) continue
    left -= item.bytes
    const parts: Uint8Array[] = []
    for await (const part of spool.read(key, item.name, { offset: 0 })) parts.push(part)
    inline.push({ name: item.name, bytes: Buffer.concat(parts) })
  }
  return { type: 'done', state: 'succeeded', logBytes, result: meta, inline }
}
