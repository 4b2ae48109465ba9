/** Waits for changes of one thing. */
export interface Signals {
  /** Something changed. */
  fire(): void
  /** Until `done` says so, looked at now and at every change; false when the time was over first. */
  until(done: () => boolean, options: { ms: number; signal?: AbortSignal | undefined }): Promise<boolean>
}

export function signals(): Signals {
  const listeners = new Set<() => void>()
  return {
    fire() {
      for (const listener of [...listeners]) listener()
    },
    until(done, { ms, signal }) {
      if (done()) return Promise.resolve(true)
      if (ms <= 0 || signal?.aborted) return Promise.resolve(false)
      return new Promise((resolve) => {
        const end = (value: boolean) => {
          clearTimeout(timer)
          listeners.delete(look)
          signal?.removeEventListener('abort', over)
          resolve(value)
        }
        const over = () => end(false)
        const look = () => {
          if (done()) end(true)
        }
        const timer = setTimeout(over, ms)
        listeners.add(look)
        signal?.addEventListener('abort', over, { once: true })
      })
    },
  }
}
