import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Line, OnChange } from '../calls.ts'
import { type Signals, signals } from './waiting.ts'

export interface PeersComponents {
  /** This island. */
  self: string
  /** @throws UNREACHABLE and others */
  open(island: string, onChange: OnChange, options: { signal: AbortSignal }): Promise<Line>
  /** Tells a new line what is wanted of it. */
  attach(island: string, line: Line): Promise<void>
  onChange: OnChange
  /** Whether there is anything there to be told of. */
  wanted(island: string): boolean
  nameOf(island: string): string
  now(): number
  logger: Logger
}

export interface AskOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds that the way may be missing; 0: one try to make it. */
  waitMs: number
  /** Asks again over the next line where one breaks: only for what is the same when it is asked twice. */
  repeat: boolean
}

/** Keeps one line open to each island that has something of ours. */
export interface Peers {
  ask<T>(island: string, work: (line: Line) => Promise<T>, options: AskOptions): Promise<T>
  /** Opens the way, where there is a reason. */
  want(island: string): void
  /** Milliseconds since 1970 since when there is no way; undefined: there is one. */
  downSince(island: string): number | undefined
  /** There is no way, and the last try to make one was in vain. */
  failed(island: string): boolean
  isSelf(island: string): boolean
  /** It can be reached again, perhaps. */
  nudge(island: string): void
  /** Closes what nobody wants. */
  tidy(): void
  stop(): void
}

interface Peer {
  island: string
  line?: Line | undefined
  /** Of the last try. */
  failure?: ArchipelError | undefined
  tries: number
  since: number | undefined
  changed: Signals
  running: boolean
  waiting: number
}

const FIRST_WAIT_MS = 200
const MAX_WAIT_MS = 5_000
const OPEN_MS = 20_000
const FINAL = new Set(['LANGUAGE_MISSING', 'NOT_A_MEMBER', 'MEMBER_REVOKED'])
const BROKEN = new Set(['UNREACHABLE', 'DEADLINE', 'CANCELLED'])

export function peers(components: PeersComponents): Peers {
  const { now, logger } = components
  const all = new Map<string, Peer>()
  const stopping = new AbortController()

  function peerOf(island: string): Peer {
    const known = all.get(island)
    if (known !== undefined) return known
    const peer: Peer = { island, tries: 0, since: now(), changed: signals(), running: false, waiting: 0 }
    all.set(island, peer)
    return peer
  }

  async function once(peer: Peer): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(OPEN_MS)])
    const line = await components.open(peer.island, components.onChange, { signal })
    try {
      await components.attach(peer.island, line)
      peer.line = line
      peer.since = undefined
      peer.failure = undefined
      peer.tries = 0
      peer.changed.fire()
      const why = await line.ended
      logger.debug({ island: peer.island, err: why }, 'a line ended')
    } finally {
      line.close()
      peer.line = undefined
      peer.since = now()
    }
  }

  async function run(peer: Peer): Promise<void> {
    if (peer.running) return
    peer.running = true
    while (!stopping.signal.aborted && (peer.waiting > 0 || components.wanted(peer.island))) {
      try {
        await once(peer)
      } catch (cause) {
        peer.failure = toArchipelError(cause)
        logger.debug({ island: peer.island, err: cause }, 'a line could not be opened')
      }
      peer.tries++
      peer.changed.fire()
      if (stopping.signal.aborted) break
      const before = nudges
      const ms = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(10, peer.tries - 1))
      await peer.changed.until(() => nudges !== before, { ms, signal: stopping.signal })
    }
    peer.running = false
  }
  let nudges = 0

  async function lineOf(peer: Peer, options: AskOptions, until: number): Promise<Line> {
    const tries = peer.tries
    peer.waiting++
    try {
      void run(peer)
      const ready = () => peer.line !== undefined || (options.waitMs === 0 && peer.tries > tries)
      const ms = options.waitMs === 0 ? OPEN_MS : Math.max(0, until - now())
      await peer.changed.until(ready, { ms, signal: options.signal })
      if (peer.line !== undefined) return peer.line
    } finally {
      peer.waiting--
    }
    if (options.signal?.aborted) throw new ArchipelError('CANCELLED', 'the call was cancelled')
    // Who says no for good is not waited for.
    if (peer.failure !== undefined && FINAL.has(peer.failure.code)) throw peer.failure
    throw new ArchipelError('UNREACHABLE', `${components.nameOf(peer.island)} cannot be reached now`, {
      cause: peer.failure,
    })
  }

  return {
    async ask(island, work, options) {
      const peer = peerOf(island)
      const until = now() + options.waitMs
      for (;;) {
        const line = await lineOf(peer, options, until)
        try {
          return await work(line)
        } catch (error) {
          const broken = peer.line !== line && error instanceof ArchipelError && BROKEN.has(error.code)
          if (!broken || !options.repeat || options.signal?.aborted || (options.waitMs > 0 && now() >= until))
            throw error
        }
      }
    },
    want: (island) => void run(peerOf(island)),
    downSince: (island) => all.get(island)?.since,
    failed: (island) => all.get(island)?.failure !== undefined,
    isSelf: (island) => island === components.self,
    nudge(island) {
      const peer = all.get(island)
      if (peer === undefined || peer.line !== undefined) return
      nudges++
      peer.changed.fire()
    },
    tidy() {
      for (const [island, peer] of all) {
        if (peer.waiting > 0 || components.wanted(island)) continue
        peer.line?.close()
        if (!peer.running) all.delete(island)
      }
    },
    stop() {
      stopping.abort()
      for (const peer of all.values()) peer.line?.close()
    },
  }
}
