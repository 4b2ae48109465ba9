/** Time comes from here, so that a simulation can own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since some moment; goes on whatever is done to the clock of the machine. */
  elapsed(): number
  /** Calls `fn` once after so many milliseconds; the answer cancels it. Does not keep the process alive. */
  after(ms: number, fn: () => void): () => void
}

/** Beyond it `setTimeout` fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, MAX_TIMEOUT_MS)).unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after the time, or at once when one of the signals aborts. */
export function pause(clock: Clock, ms: number, ...signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel()
      for (const signal of signals) signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    for (const signal of signals) {
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    }
  })
}

/** A signal that aborts after the time, or with `outer`. */
export function timeoutSignal(clock: Clock, ms: number, outer: AbortSignal): AbortSignal {
  const controller = new AbortController()
  void pause(clock, ms, outer).then(() => controller.abort())
  return controller.signal
}

/** A signal that aborts after a time without `renew`, or with `outer`. */
export interface Watchdog {
  signal: AbortSignal
  /** Whether the time was the reason. */
  readonly expired: boolean
  renew(ms?: number): void
  clear(): void
}

export function watchdog(clock: Clock, ms: number, outer?: AbortSignal): Watchdog {
  const controller = new AbortController()
  let expired = false
  let cancel = () => {}
  const onOuter = () => controller.abort(outer?.reason)
  const arm = (time: number) => {
    cancel()
    cancel = clock.after(time, () => {
      expired = true
      controller.abort(new DOMException('no sign of life in time', 'TimeoutError'))
    })
  }
  if (outer?.aborted) onOuter()
  else outer?.addEventListener('abort', onOuter, { once: true })
  arm(ms)
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    renew: (time = ms) => arm(time),
    clear() {
      cancel()
      outer?.removeEventListener('abort', onOuter)
    },
  }
}

/** Wakes whoever waits for the next change. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, after `ms`, or when a signal aborts. */
  wait(clock: Clock, ms: number, ...signals: AbortSignal[]): Promise<void>
}

export function bell(): Bell {
  let controller = new AbortController()
  return {
    ring() {
      const rung = controller
      controller = new AbortController()
      rung.abort()
    },
    wait: (clock, ms, ...signals) => pause(clock, ms, controller.signal, ...signals),
  }
}
