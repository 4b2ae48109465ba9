/** A slot that hands the newest value to one waiting reader: what a slow reader misses is older news. */
export interface Latest<T> {
  set(value: T): void
  /** The value set since the last take; waits for one. `undefined` after `close`, or when `timeoutMs` passed. */
  take(timeoutMs: number): Promise<T | undefined>
  close(): void
}

export function latest<T>(): Latest<T> {
  let value: T | undefined
  let closed = false
  let wake: (() => void) | undefined
  return {
    set(next) {
      value = next
      wake?.()
    },
    async take(timeoutMs) {
      if (value === undefined && !closed) {
        const { promise, resolve } = Promise.withResolvers<void>()
        const timer = setTimeout(resolve, timeoutMs)
        wake = resolve
        await promise
        clearTimeout(timer)
        wake = undefined
      }
      const taken = value
      value = undefined
      return taken
    },
    close() {
      closed = true
      wake?.()
    },
  }
}
