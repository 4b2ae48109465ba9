import type { Logger } from 'pino'
import type { CatalogPort, SyncRemote } from '../catalog/port.ts'
import type { NetworkPort } from '../network/port.ts'

export interface SyncerInit {
  /** Milliseconds between two rounds with one peer. */
  intervalMs: number
}

export interface SyncerComponents {
  catalog: CatalogPort
  network: NetworkPort
  islandOf: (peerId: string) => string | undefined
  peerOf: (island: string) => string | undefined
  remote: (peerId: string, island: string) => SyncRemote
  logger: Logger
}

/** Connected peers that get periodic rounds; more connections than that are for reach, not for comparing. */
const MAX_PARTNERS = 32
/** Rounds at a time; news of a hundred peers at once must not become a hundred pulls. */
const CONCURRENT_ROUNDS = 4
/** After a failed round, milliseconds. */
const RETRY_MS = 2_000
/** `behind` hints that arrive together make one round. */
const HINT_DELAY_MS = 50

/**
 * When to compare catalogs with whom: at once with a peer that connects, soon after a hint that a peer has news, and every
 * interval (with jitter) with up to 32 connected peers. What happens in a round is the catalog's.
 */
export function syncer(init: SyncerInit, components: SyncerComponents) {
  const { catalog, network, logger } = components
  const due = new Map<string, number>()
  const running = new Set<string>()
  const failures = new Map<string, number>()
  const stopping = new AbortController()
  let started = false
  let timer: NodeJS.Timeout | undefined

  const jittered = () => init.intervalMs * (0.8 + Math.random() * 0.4)

  function soon(peerId: string, delayMs: number): void {
    if (!started) return
    const at = Date.now() + delayMs
    if ((due.get(peerId) ?? Number.POSITIVE_INFINITY) > at) due.set(peerId, at)
    arm()
  }

  function arm(): void {
    clearTimeout(timer)
    if (stopping.signal.aborted || due.size === 0) return
    timer = setTimeout(tick, Math.max(0, Math.min(...due.values()) - Date.now()))
  }

  function tick(): void {
    const now = Date.now()
    for (const [peerId, at] of [...due].sort((a, b) => a[1] - b[1])) {
      if (at > now) break
      if (running.size >= CONCURRENT_ROUNDS || running.has(peerId)) {
        due.set(peerId, now + HINT_DELAY_MS)
        continue
      }
      due.delete(peerId)
      void round(peerId)
    }
    arm()
  }

  async function round(peerId: string): Promise<void> {
    const island = components.islandOf(peerId)
    if (island === undefined || !network.connections().some((c) => c.peerId === peerId)) return
    running.add(peerId)
    let next = jittered()
    try {
      const report = await catalog.syncWith(components.remote(peerId, island), { signal: stopping.signal })
      failures.delete(peerId)
      if (!report.same) next = Math.min(next, RETRY_MS * (1 + Math.random()))
      for (const pending of report.pending) logger.debug({ island, ...pending }, 'a log could not be taken yet')
    } catch (error) {
      const count = (failures.get(peerId) ?? 0) + 1
      failures.set(peerId, count)
      next = Math.min(next, RETRY_MS * 2 ** Math.min(count - 1, 10) * (1 + Math.random()))
      if (!stopping.signal.aborted) logger.debug({ island, error: (error as Error).message }, 'a catalog round failed')
    } finally {
      running.delete(peerId)
    }
    if (due.size < MAX_PARTNERS) soon(peerId, next)
  }

  return {
    start(): void {
      started = true
      network.on('peer:ready', (peerId) => soon(peerId, 0))
      network.on('peer:gone', (peerId) => {
        due.delete(peerId)
        failures.delete(peerId)
      })
      catalog.on('behind', ({ from }) => {
        const peerId = components.peerOf(from)
        if (peerId !== undefined && network.connections().some((c) => c.peerId === peerId))
          return soon(peerId, HINT_DELAY_MS)
        // The news is of somebody not connected: any neighbour of ours may have it by now.
        const neighbour = network.connections()[0]
        if (neighbour !== undefined) soon(neighbour.peerId, HINT_DELAY_MS)
      })
      catalog.on('announce', (bytes) => {
        void network
          .publish('heads', bytes)
          .catch((error: Error) => logger.debug({ error: error.message }, 'not announced'))
      })
      network.onGossip('heads', (bytes, from) => {
        const island = components.islandOf(from)
        if (island !== undefined) void catalog.onGossip(island, bytes)
      })
    },
    stop(): void {
      clearTimeout(timer)
      stopping.abort()
    },
    /** A round with this peer soon. */
    nudge: (peerId: string) => soon(peerId, HINT_DELAY_MS),
    /** A round with every connected peer now; settles when all are done. For leaving in good order. */
    async flush(): Promise<number> {
      const peers = network.connections()
      await Promise.all(peers.map(async ({ peerId }) => round(peerId)))
      return peers.length
    },
  }
}
