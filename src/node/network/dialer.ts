import type { Logger } from 'pino'
import type { DialTarget } from './port.ts'

export interface DialerInit {
  self: string
  /** Members to be connected to at least; more are dialled only up to here. */
  wanted: number
  /** Whether others can dial this island; if so, the peer with the lower id dials and the other waits. */
  dialable: () => boolean
}

export interface DialerComponents {
  isConnected(peerId: string): boolean
  connectedCount(): number
  dial(target: DialTarget, signal: AbortSignal): Promise<unknown>
  /** Whether any of the target's addresses leads there without a relay. */
  logger: Logger
}

/** Milliseconds. First retry, and the longest pause between two. */
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 60_000
/** How long the higher id waits for the lower one to dial: two connections at once would silence gossip. */
const POLITE_WAIT_MS = 4_000
const DIAL_TIMEOUT_MS = 10_000
const TICK_MS = 250
const CONCURRENT_DIALS = 8

interface Entry {
  target: DialTarget
  failures: number
  nextAt: number
  dialing: boolean
}

/**
 * Keeps the island connected to the members it knows: back-off with jitter for each, at once again after a
 * connection was lost, and one side of a pair first. libp2p's own reconnection knows only peers it has met.
 */
export function dialer(init: DialerInit, components: DialerComponents) {
  const entries = new Map<string, Entry>()
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let dialing = 0

  const keyOf = (target: DialTarget) => target.peerId ?? target.addresses.join(',')

  function due(entry: Entry, now: number): boolean {
    if (entry.dialing || now < entry.nextAt) return false
    if (entry.target.addresses.length === 0) return false
    return entry.target.peerId === undefined || !components.isConnected(entry.target.peerId)
  }

  function tick(): void {
    const now = Date.now()
    for (const entry of shuffled([...entries.values()])) {
      if (dialing >= CONCURRENT_DIALS) return
      if (components.connectedCount() + dialing >= init.wanted) return
      if (due(entry, now)) void attempt(entry)
    }
  }

  async function attempt(entry: Entry): Promise<void> {
    entry.dialing = true
    dialing += 1
    try {
      await components.dial(entry.target, AbortSignal.any([controller.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]))
      entry.failures = 0
      // A bootstrap address without a peer id is asked again only after a while.
      entry.nextAt = Date.now() + (entry.target.peerId === undefined ? LONGEST_RETRY_MS : FIRST_RETRY_MS)
    } catch (error) {
      entry.failures += 1
      entry.nextAt = Date.now() + backoff(entry.failures)
      components.logger.debug(
        { peer: entry.target.peerId, failures: entry.failures, error: (error as Error).message },
        'dial failed',
      )
    } finally {
      entry.dialing = false
      dialing -= 1
    }
  }

  return {
    start(): void {
      timer = setInterval(tick, TICK_MS)
      tick()
    },
    stop(): void {
      clearInterval(timer)
      controller.abort(new DOMException('stopping', 'AbortError'))
    },
    set(targets: DialTarget[]): void {
      const wanted = new Set<string>()
      for (const target of targets) {
        const key = keyOf(target)
        if (target.peerId === init.self) continue
        wanted.add(key)
        const entry = entries.get(key)
        if (entry === undefined) {
          const polite = target.peerId !== undefined && init.self > target.peerId && init.dialable()
          entries.set(key, {
            target,
            failures: 0,
            nextAt: Date.now() + (polite ? POLITE_WAIT_MS * (0.75 + Math.random() / 2) : 0),
            dialing: false,
          })
        } else {
          if (entry.target.addresses.join() !== target.addresses.join())
            entry.nextAt = Math.min(entry.nextAt, Date.now() + FIRST_RETRY_MS)
          entry.target = target
        }
      }
      for (const key of entries.keys()) if (!wanted.has(key)) entries.delete(key)
    },
    /** A connection was lost: try again soon, the lower id first. */
    lost(peerId: string): void {
      const entry = entries.get(peerId)
      if (entry === undefined) return
      const polite = init.self > peerId && init.dialable()
      entry.failures = 0
      entry.nextAt = Date.now() + (polite ? POLITE_WAIT_MS : FIRST_RETRY_MS) * (0.5 + Math.random())
    },
  }
}

function backoff(failures: number): number {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10))
  return full * (0.5 + Math.random() / 2)
}

function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[items[i], items[j]] = [items[j]!, items[i]!]
  }
  return items
}
