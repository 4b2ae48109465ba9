/** A bounded channel from callbacks to one async reader: what does not fit is counted, and the reader is told. */
export interface Channel<T> {
  push(item: T): void
  end(): void
  read(signal?: AbortSignal): AsyncGenerator<T | { lost: number }>
}

export function channel<T>(bound: number): Channel<T> {
  const items: T[] = []
  let lost = 0
  let ended = false
  let wake: (() => void) | undefined
  return {
    push(item) {
      if (ended) return
      if (items.length >= bound) lost += 1
      else items.push(item)
      wake?.()
    },
    end() {
      ended = true
      wake?.()
    },
    async *read(signal) {
      const onAbort = () => wake?.()
      signal?.addEventListener('abort', onAbort)
      try {
        while (!signal?.aborted) {
          if (items.length > 0) yield items.shift()!
          else if (lost > 0) {
            const count = lost
            lost = 0
            yield { lost: count }
          } else if (ended) return
          else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
            wake = undefined
          }
        }
      } finally {
        ended = true
        signal?.removeEventListener('abort', onAbort)
      }
    },
  }
}
