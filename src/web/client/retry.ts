/** When a failed call is made again: only where that can do no harm, a few times, after a growing pause. */
import type { ArchipelError } from '../../protocols/model/errors.ts'
import { fromTransport, wasTold } from './failures.ts'

/** Milliseconds before the second try; four times as many before the third. */
const FIRST_MS = 200
/** A pause that an island asks for (`Retry-After`) and that is longer is left to the caller. */
const MAX_RETRY_AFTER_MS = 30_000

/** Resolves after so many milliseconds. @throws CANCELLED or DEADLINE when the signal aborts */
export function pause(ms: number, signal?: AbortSignal, wake?: (resolve: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(fromTransport(undefined, signal))
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      unwake?.()
    }
    const done = () => {
      end()
      resolve()
    }
    const onAbort = () => {
      end()
      reject(fromTransport(undefined, signal))
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
    const unwake = wake?.(done)
  })
}

/** Between half and all of it, so that many clients do not come back at once. */
export function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2)
}

/** `Retry-After` (RFC 9110, 10.2.3): seconds or a date. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header === '') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** Milliseconds to wait before try number `tried + 1`, or undefined when there is none. `askedMs`: of `Retry-After`. */
export function delayOf(
  error: ArchipelError,
  { tried, askedMs }: { tried: number; askedMs: number | undefined },
): number | undefined {
  // An island that says UNREACHABLE has tried to reach another one; only a connection that failed here is tried again.
  const again =
    error.code === 'TOO_MANY' || (error.code === 'UNREACHABLE' && (!wasTold(error) || askedMs !== undefined))
  if (!again || (askedMs ?? 0) > MAX_RETRY_AFTER_MS) return undefined
  return askedMs ?? jittered(FIRST_MS * 4 ** (tried - 1))
}
