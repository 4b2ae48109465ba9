/** Tells any number of watchers that something has changed; they look for themselves at what. */
export interface Changes {
  notify(): void
  /** `now()` at once and after each change that makes another value, until `last` says so or the signal ends it. */
  watch<T>(now: () => T, last: (value: T) => boolean, signal?: AbortSignal): AsyncIterable<T>
}

export function changes(): Changes {
  let next = Promise.withResolvers<void>()
  return {
    notify() {
      next.resolve()
      next = Promise.withResolvers()
    },
    async *watch(now, last, signal) {
      const gone = Promise.withResolvers<void>()
      const onAbort = () => gone.resolve()
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        while (!signal?.aborted) {
          const changed = next.promise
          const value = now()
          yield value
          if (last(value)) return
          await Promise.race([changed, gone.promise])
        }
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
    },
  }
}
