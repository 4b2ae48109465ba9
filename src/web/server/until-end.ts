/**
 * What a call gives, or, when its token ends before, the reason: nobody waits for a call that takes its time to stop.
 * @throws what the call throws, and the reason of `end`
 */
export async function untilEnd<T>(end: AbortSignal | undefined, work: T | Promise<T>): Promise<T> {
  if (end === undefined || !(work instanceof Promise)) return await work
  const { promise, reject } = Promise.withResolvers<never>()
  const onEnd = () => reject(end.reason)
  if (end.aborted) onEnd()
  end.addEventListener('abort', onEnd, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    end.removeEventListener('abort', onEnd)
  }
}
