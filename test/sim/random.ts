/** A seeded generator (mulberry32): the same seed gives the same run, on every machine. */
export interface Random {
  /** From 0 to below 1. */
  (): number
  /** A whole number from 0 to below n. */
  below(n: number): number
  chance(p: number): boolean
  pick<T>(items: readonly T[]): T
  /** A generator of its own, so that one part's draws do not shift another's. */
  split(): Random
}

export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (() => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }) as Random
  next.below = (n) => Math.floor(next() * n)
  next.chance = (p) => next() < p
  next.pick = (items) => items[next.below(items.length)]!
  next.split = () => seeded(Math.floor(next() * 4294967296))
  return next
}
