/** What a benchmark is, and the words for its results. */

export interface Figure {
  /** What was measured, as it stands in the table. */
  what: string
  value: number
  unit: string
  /** The figure should be below (or above) this, in its unit. */
  target?: { below: number } | { above: number }
  /** The same work done by something plain, in the same run. */
  baseline?: { what: string; value: number; unit: string; ratio: number }
}

export interface Scale {
  /** A smoke run: everything small, no figure worth quoting. */
  quick: boolean
  islands: number
  /** Records in the whole catalog. */
  records: number
  /** Times that short things are repeated. */
  runs: number
}

export interface BenchContext {
  scale: Scale
  /** A directory of this benchmark's own, removed afterwards. */
  dir: string
  /** Where benchmarks of one run keep what they share: the large catalog. */
  shared: string
  signal: AbortSignal
  /** Called in reverse order at the end, whatever happened. */
  cleanup(fn: () => unknown): void
  /** Progress, for people. */
  say(text: string): void
}

export interface Benchmark {
  name: string
  about: string
  run(context: BenchContext): Promise<Figure[]>
}

export const FULL: Scale = { quick: false, islands: 20, records: 100_000, runs: 40 }
export const QUICK: Scale = { quick: true, islands: 3, records: 300, runs: 2 }

/** The value below which so many percent lie; of an empty list NaN. */
export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))] ?? Number.NaN
}

export const median = (values: number[]) => percentile(values, 50)

/** p50 and p99 of times in milliseconds; the target is that of p99. */
export function spread(what: string, values: number[], target?: Figure['target']): Figure[] {
  return [
    { what: `${what}, p50`, value: median(values), unit: 'ms' },
    { what: `${what}, p99`, value: percentile(values, 99), unit: 'ms', ...(target === undefined ? {} : { target }) },
  ]
}

/** Milliseconds that the work took. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** The best of several runs: other work on the machine can only make it slower. */
export async function best(runs: number, work: () => Promise<number> | number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < runs; i++) least = Math.min(least, await work())
  return least
}

/** Whether a figure is where it should be; undefined without a target. */
export function met({ value, target }: Figure): boolean | undefined {
  if (target === undefined) return undefined
  return 'below' in target ? value < target.below : value > target.above
}
