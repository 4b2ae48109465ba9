import { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Average, type AverageRule, fold } from './average.ts'
import { type KeptComponents, kept, storedAverage } from './kept.ts'
import type { LinkObserver } from './port.ts'

/** What the way to an island is like, seen from here. */
export interface LinkEstimate {
  rttMs: number
  bytesPerSecond: number
  /** Whether the figure was measured on this link; what the other links are like stands in for it otherwise. */
  measured: { rtt: boolean; throughput: boolean }
}

export interface Probe {
  rttMs: number
  /** What arrived, and the milliseconds from the first byte to the last. */
  bytes: number
  ms: number
}

export interface LinksComponents extends KeptComponents {
  /** A small timed transfer from the island. Bounds its own time. @throws UNREACHABLE and others */
  probe: (island: string, options: { signal: AbortSignal }) => Promise<Probe>
  /** Milliseconds since 1970. */
  now?: () => number
}

export interface Links extends LinkObserver {
  start(): Promise<void>
  stop(): Promise<void>
  /** A round trip was measured. */
  heard(island: string, rttMs: number): void
  of(island: string): LinkEstimate
  /** Whether the throughput was never measured, or so long ago that it should be again. */
  unsure(island: string): 'no' | 'old' | 'unknown'
  /** Measures the throughput by a probe when it is unsure; one at a time for each island, a failed one not again at once. Never throws. */
  learn(island: string): Promise<void>
}

const RTT: AverageRule = { weight: 0.4, halfLifeMs: 5 * 60_000 }
const RATE_HALF_LIFE_MS = 30 * 60_000
/** Less says nothing of the throughput. */
const MIN_BYTES = 16 * 1024
/** A transfer of so many bytes, or so long, has the full weight. */
const FULL_BYTES = 256 * 1024
const FULL_MS = 1_000
const MAX_WEIGHT = 0.5
const MIN_WEIGHT = 0.1
/** Older estimates are worth a probe. */
const OLD_MS = 10 * 60_000
const PROBE_AGAIN_MS = 60_000
const MAX_PROBES = 4
const MAX_ISLANDS = 10_000
/** While no link at all was measured. */
const FIRST = { rttMs: 50, bytesPerSecond: 10_000_000 }

interface State {
  rtt?: Average
  rate?: Average
}

const stored = z.record(
  z.string(),
  z.object({ rtt: storedAverage.optional(), rate: storedAverage.optional() }),
) as z.ZodType<Record<string, State>>

/** Round trip and throughput to each island, from everything that passes, and from a small probe where nothing did. */
export function links(components: LinksComponents): Links {
  const now = components.now ?? Date.now
  const states = new Map<string, State>()
  const probing = new Map<string, Promise<void>>()
  const failed = new Map<string, number>()
  const stopping = new AbortController()
  let typical: { rttMs: number; bytesPerSecond: number } | undefined

  const file = kept(
    {
      key: 'placement:links',
      schema: stored,
      snapshot: () => Object.fromEntries(states),
      restore: (value) => {
        for (const [island, state] of Object.entries(value)) if (!states.has(island)) states.set(island, state)
        typical = undefined
      },
    },
    components,
  )

  function change(island: string, more: State): void {
    const state = { ...states.get(island), ...more }
    // The one heard of last is at the end.
    states.delete(island)
    states.set(island, state)
    if (states.size > MAX_ISLANDS) states.delete(states.keys().next().value!)
    typical = undefined
    file.changed()
  }

  function rate(island: string, bytes: number, ms: number): void {
    const sample = (bytes * 1000) / Math.max(ms, 0.01)
    const weight = Math.min(MAX_WEIGHT, Math.max(MIN_WEIGHT, bytes / FULL_BYTES, ms / FULL_MS))
    const rule = { weight, halfLifeMs: RATE_HALF_LIFE_MS, geometric: true }
    change(island, { rate: fold(states.get(island)?.rate, sample, now(), rule) })
  }

  function heard(island: string, rttMs: number): void {
    if (!Number.isFinite(rttMs) || rttMs < 0) return
    change(island, { rtt: fold(states.get(island)?.rtt, rttMs, now(), RTT) })
  }

  async function probe(island: string): Promise<void> {
    try {
      const { rttMs, bytes, ms } = await components.probe(island, { signal: stopping.signal })
      heard(island, rttMs)
      if (bytes > 0) rate(island, bytes, ms)
      failed.delete(island)
    } catch (error) {
      if (!(error instanceof ArchipelError)) components.onError?.(error)
      // An older island, or one that is away: there is nothing to know.
      if (failed.size >= MAX_ISLANDS) failed.clear()
      failed.set(island, now())
    }
  }

  function unsure(island: string): 'no' | 'old' | 'unknown' {
    const known = states.get(island)?.rate
    if (known === undefined) return 'unknown'
    return now() - known.at > OLD_MS ? 'old' : 'no'
  }

  return {
    start: () => file.start(),
    async stop() {
      stopping.abort()
      await Promise.all(probing.values())
      await file.stop()
    },
    observe(island, bytes, ms) {
      if (!Number.isFinite(bytes) || !Number.isFinite(ms) || bytes < MIN_BYTES || ms < 0) return
      // What the first byte took is the round trip, not the throughput.
      rate(island, bytes, Math.max(ms - (states.get(island)?.rtt?.value ?? 0), ms / 10))
    },
    heard,
    of(island) {
      const { rtt, rate: throughput } = states.get(island) ?? {}
      if (rtt === undefined || throughput === undefined) typical ??= typicalOf(states.values())
      return {
        rttMs: rtt?.value ?? typical!.rttMs,
        bytesPerSecond: throughput?.value ?? typical!.bytesPerSecond,
        measured: { rtt: rtt !== undefined, throughput: throughput !== undefined },
      }
    },
    unsure,
    async learn(island) {
      const running = probing.get(island)
      if (running !== undefined) return await running
      if (unsure(island) === 'no' || probing.size >= MAX_PROBES || stopping.signal.aborted) return
      if (now() - (failed.get(island) ?? Number.NEGATIVE_INFINITY) < PROBE_AGAIN_MS) return
      const work = probe(island).finally(() => probing.delete(island))
      probing.set(island, work)
      await work
    },
  }
}

/** Medians of what was measured. */
function typicalOf(states: Iterable<State>): { rttMs: number; bytesPerSecond: number } {
  const rtts: number[] = []
  const rates: number[] = []
  for (const { rtt, rate } of states) {
    if (rtt !== undefined) rtts.push(rtt.value)
    if (rate !== undefined) rates.push(rate.value)
  }
  return { rttMs: median(rtts) ?? FIRST.rttMs, bytesPerSecond: median(rates) ?? FIRST.bytesPerSecond }
}

function median(values: number[]): number | undefined {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
}
