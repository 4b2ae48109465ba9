import { setTimeout as sleep } from 'node:timers/promises'

/** Lets bytes pass at a rate. */
export interface Rate {
  /** Resolves when so many may pass; in the order of the calls. @throws the signal's reason */
  pass(bytes: number, signal: AbortSignal): Promise<void>
}

const UNLIMITED: Rate = { pass: async () => {} }
/** Those of them that limit anything: what comes in small parts need not wait for the others at each. */
export const limiting = (all: readonly Rate[]): Rate[] => all.filter((one) => one !== UNLIMITED)

/** Seconds of silence that may be made up for. */
const BURST_S = 0.25

/** @param bytesPerSecond 0: no limit */
export function rate(bytesPerSecond: number, now: () => number = () => performance.now()): Rate {
  if (bytesPerSecond <= 0) return UNLIMITED
  /** Milliseconds at which everything let through so far has passed. */
  let free = 0
  return {
    async pass(bytes, signal) {
      const time = now()
      free = Math.max(free, time - BURST_S * 1000) + (bytes / bytesPerSecond) * 1000
      if (free > time) await sleep(free - time, undefined, { signal })
    },
  }
}

/** One rate for each name; those not used any more are forgotten, oldest first. */
export function rates(bytesPerSecond: number): (name: string) => Rate {
  if (bytesPerSecond <= 0) return () => UNLIMITED
  const known = new Map<string, Rate>()
  return (name) => {
    const found = known.get(name) ?? rate(bytesPerSecond)
    known.delete(name)
    known.set(name, found)
    for (const oldest of known.keys()) {
      if (known.size <= MAX_NAMES) break
      known.delete(oldest)
    }
    return found
  }
}

const MAX_NAMES = 1000
