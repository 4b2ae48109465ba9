import os from 'node:os'
import type { Logger } from 'pino'
import { type Beat, beat, heartbeatSpec } from '../../protocols/heartbeat/messages.ts'
import type { Liveness, Load } from '../../protocols/model/island.ts'
import { decodeStrict, encodeCanonical } from '../../protocols/record/cbor.ts'
import { call, isUnsupported } from '../../protocols/wire/client.ts'
import { serve } from '../../protocols/wire/server.ts'
import type { NetworkPort } from '../network/port.ts'

export interface PresenceInit {
  heartbeatMs: number
}

export interface PresenceComponents {
  network: NetworkPort
  /** Position of the own log, and what runs here. */
  position: () => { epoch: number; seq: number }
  work: () => Omit<Load, 'cpu' | 'memory'>
  members: () => number
  islandOf: (peerId: string) => string | undefined
  /** A peer's beat says that its log is ahead of what is known here. */
  onAhead?: (island: string, position: { epoch: number; seq: number }, peerId: string) => void
  onChange?: (island: string) => void
  /** Milliseconds that a connected peer took to answer a beat. */
  onRoundTrip?: (island: string, rttMs: number) => void
  logger: Logger
}

export interface Presence {
  liveness: Liveness
  rttMs: number | undefined
  load: Load | undefined
  lastSeen: number | undefined
}

export interface PresencePort {
  start(): Promise<void>
  stop(): void
  of(island: string): Presence
  /** Islands whose beats jump back to an older life of their log again and again: two processes with one key. */
  twins(): string[]
  /** Median difference of the peers' clocks from ours in milliseconds; undefined without peers. Positive: ours is behind. */
  skewMs(): number | undefined
}

/** Intervals without a beat after which an island is `suspect`, then `lost`. */
const SUSPECT_AFTER = 2.5
const LOST_AFTER = 6
/** Beats in a row without an answer after which a connection that looks open is cut: a broken line sends no goodbye. */
const MAX_SILENT_BEATS = 2
/** A late message may tell of an older epoch once; who does so this often lives twice. */
const TWIN_JUMPS = 3
/** Members per configured interval: a larger archipelago beats more slowly. */
const MEMBERS_PER_INTERVAL = 50

interface Seen {
  at: number
  beat: Beat
  rttMs?: number
  skewMs?: number
  said: Liveness
  /** Times that a beat told of an older epoch than the one before. */
  jumpsBack: number
}

/** Heartbeats out and in, and the liveness derived from them. */
export function presence(init: PresenceInit, components: PresenceComponents): PresencePort {
  const { network, logger } = components
  const seen = new Map<string, Seen>()
  const silent = new Map<string, number>()
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let cpuBefore = cpuTimes()
  let cpuLoad = 0

  const intervalMs = () => init.heartbeatMs * Math.max(1, components.members() / MEMBERS_PER_INTERVAL)

  function ownBeat(): Beat {
    return {
      ...components.position(),
      time: Date.now(),
      load: { ...components.work(), cpu: cpuLoad, memory: 1 - os.freemem() / os.totalmem() },
    }
  }

  function note(island: string, peerId: string, received: Beat, measured: { rttMs?: number; skewMs?: number }): void {
    const before = seen.get(island)
    seen.set(island, {
      at: Date.now(),
      beat: received,
      rttMs: measured.rttMs ?? before?.rttMs,
      skewMs: measured.skewMs ?? before?.skewMs,
      said: 'live',
      jumpsBack: (before?.jumpsBack ?? 0) + (before !== undefined && received.epoch < before.beat.epoch ? 1 : 0),
    })
    if (before === undefined || before.said !== 'live') components.onChange?.(island)
    components.onAhead?.(island, { epoch: received.epoch, seq: received.seq }, peerId)
  }

  async function beatTo(peerId: string): Promise<void> {
    const island = components.islandOf(peerId)
    if (island === undefined) return
    const sent = Date.now()
    const answer = await call(network, peerId, heartbeatSpec, ownBeat(), { signal: stopping.signal }).catch((error) => {
      // Who says that it does not know beats is there: a newcomer whose answer was lost, and who joins once more.
      if (!isUnsupported(error)) missed(peerId)
      throw error
    })
    silent.delete(peerId)
    const rttMs = Date.now() - sent
    components.onRoundTrip?.(island, rttMs)
    note(island, peerId, answer, { rttMs, skewMs: answer.time - (sent + rttMs / 2) })
  }

  function missed(peerId: string): void {
    if (stopping.signal.aborted) return
    const count = (silent.get(peerId) ?? 0) + 1
    silent.set(peerId, count)
    if (count < MAX_SILENT_BEATS) return
    silent.delete(peerId)
    logger.info({ peer: peerId }, 'no answer to heartbeats: the connection is cut')
    network.drop(peerId)
  }

  function round(): void {
    cpuLoad = loadSince()
    for (const peer of network.connections()) {
      void beatTo(peer.peerId).catch((error: Error) =>
        logger.debug({ peer: peer.peerId, error: error.message }, 'no answer to a heartbeat'),
      )
    }
    void network.publish('heartbeats', encodeCanonical(ownBeat())).catch(() => {})
    for (const [island, entry] of seen) {
      const now = livenessOf(entry)
      if (now !== entry.said) {
        entry.said = now
        components.onChange?.(island)
      }
    }
    timer = setTimeout(round, intervalMs() * (0.9 + Math.random() * 0.2))
  }

  function livenessOf(entry: Seen): Liveness {
    const age = Date.now() - entry.at
    if (age < intervalMs() * SUSPECT_AFTER) return 'live'
    return age < intervalMs() * LOST_AFTER ? 'suspect' : 'lost'
  }

  function loadSince(): number {
    const now = cpuTimes()
    const total = now.total - cpuBefore.total
    const idle = now.idle - cpuBefore.idle
    cpuBefore = now
    return total <= 0 ? 0 : Math.min(1, Math.max(0, 1 - idle / total))
  }

  return {
    async start() {
      await serve(
        network,
        heartbeatSpec,
        async (received, { remote }) => {
          if (remote.island !== undefined) note(remote.island, remote.peerId, received, {})
          return ownBeat()
        },
        { stopping: stopping.signal },
      )
      network.onGossip('heartbeats', (bytes, from) => {
        const island = components.islandOf(from)
        if (island === undefined || bytes.length > heartbeatSpec.maxItemBytes) return
        try {
          note(island, from, beat.parse(decodeStrict(bytes, { maxBytes: heartbeatSpec.maxItemBytes })), {})
        } catch {
          logger.debug({ from }, 'a heartbeat that is none')
        }
      })
      network.on('peer:ready', (peerId) => void beatTo(peerId).catch(() => {}))
      network.on('peer:gone', (peerId) => {
        silent.delete(peerId)
        const island = components.islandOf(peerId)
        if (island !== undefined) components.onChange?.(island)
      })
      timer = setTimeout(round, Math.random() * 1000)
    },
    stop() {
      clearTimeout(timer)
      stopping.abort()
    },
    of(island) {
      const entry = seen.get(island)
      if (entry === undefined) return { liveness: 'unknown', rttMs: undefined, load: undefined, lastSeen: undefined }
      return { liveness: livenessOf(entry), rttMs: entry.rttMs, load: entry.beat.load, lastSeen: entry.at }
    },
    twins: () => [...seen].filter(([, entry]) => entry.jumpsBack >= TWIN_JUMPS).map(([island]) => island),
    skewMs() {
      const skews = [...seen.values()].flatMap((s) => s.skewMs ?? []).sort((a, b) => a - b)
      return skews.length === 0 ? undefined : skews[Math.floor(skews.length / 2)]
    },
  }
}

function cpuTimes(): { total: number; idle: number } {
  let total = 0
  let idle = 0
  for (const { times } of os.cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq
    idle += times.idle
  }
  return { total, idle }
}
