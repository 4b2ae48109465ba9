import { z } from 'zod'
import type { TaskKind } from '../../protocols/model/task.ts'
import { type Average, type AverageRule, fold } from './average.ts'
import { type KeptComponents, kept, storedAverage } from './kept.ts'
import type { ResultObserver } from './port.ts'
import { plural } from './words.ts'

export interface ResultEstimate {
  bytes: number
  /** In words: what it was judged by. */
  basis: string
}

export interface ResultHistory extends ResultObserver {
  start(): Promise<void>
  stop(): Promise<void>
  /** Bytes to expect of a result: of the same kind over the same datasets, else of the same kind, else 0. */
  of(kind: TaskKind, datasets: string[]): ResultEstimate
}

const RULE: AverageRule = { weight: 0.3, halfLifeMs: 7 * 24 * 3_600_000, geometric: true }
const MAX_KEYS = 1_000

/** How large results were, at the island that asked for them. */
export function resultHistory(components: KeptComponents & { now?: () => number }): ResultHistory {
  const now = components.now ?? Date.now
  const known = new Map<string, Average>()
  const file = kept(
    {
      key: 'placement:results',
      schema: z.array(z.tuple([z.string(), storedAverage])).max(MAX_KEYS),
      snapshot: () => [...known],
      restore: (value) => {
        for (const [key, average] of value) if (!known.has(key)) known.set(key, average)
      },
    },
    components,
  )

  function take(key: string, bytes: number): void {
    const average = fold(known.get(key), bytes, now(), RULE)
    // The one used last is at the end.
    known.delete(key)
    known.set(key, average)
    if (known.size > MAX_KEYS) known.delete(known.keys().next().value!)
  }

  return {
    start: () => file.start(),
    stop: () => file.stop(),
    observe(kind, datasets, bytes) {
      if (!Number.isFinite(bytes) || bytes < 0) return
      // A result without anything in it still is a message.
      const size = Math.max(1, bytes)
      if (datasets.length > 0) take(keyOf(kind, datasets), size)
      take(kind, size)
      file.changed()
    },
    of(kind, datasets) {
      const same = known.get(keyOf(kind, datasets))
      if (same !== undefined)
        return { bytes: same.value, basis: `as ${plural(same.samples, 'earlier result')} of these data` }
      const any = known.get(kind)
      if (any !== undefined) return { bytes: any.value, basis: `as ${plural(any.samples, `earlier ${kind} result`)}` }
      return { bytes: 0, basis: 'no earlier result to judge by' }
    },
  }
}

function keyOf(kind: TaskKind, datasets: string[]): string {
  return `${kind} ${[...new Set(datasets)].sort().join(' ')}`
}
