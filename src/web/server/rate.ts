/** Token buckets by key: so many at once, so many a second. Bounded; what is not used is forgotten first. */
import { ArchipelError } from '../../protocols/model/errors.ts'

const MAX_KEYS = 10_000

export interface RateInit {
  perSecond: number
  burst: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

export interface Rate {
  /** Takes one. @throws TOO_MANY with `details.retryAfterMs` when there is none */
  take(key: string, what: string): void
}

export function rate({ perSecond, burst, now = () => performance.now() }: RateInit): Rate {
  const buckets = new Map<string, { left: number; at: number }>()
  return {
    take(key, what) {
      const time = now()
      const known = buckets.get(key)
      const left = known === undefined ? burst : Math.min(burst, known.left + ((time - known.at) / 1000) * perSecond)
      buckets.delete(key)
      buckets.set(key, { left: left >= 1 ? left - 1 : left, at: time })
      if (buckets.size > MAX_KEYS) buckets.delete(buckets.keys().next().value!)
      if (left >= 1) return
      const retryAfterMs = Math.ceil(((1 - left) / perSecond) * 1000)
      throw new ArchipelError('TOO_MANY', what, {
        hint: `Wait ${Math.ceil(retryAfterMs / 1000)} s and try again.`,
        details: { retryAfterMs },
      })
    },
  }
}
