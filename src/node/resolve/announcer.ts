import type { Logger } from 'pino'
import type { NetworkPort } from '../network/port.ts'
import { keysToProvide } from './keys.ts'

export interface AnnouncerComponents {
  network: NetworkPort
  /** Normalised ids of everything this island can serve, aliases included. */
  ids: () => Promise<string[]>
  logger: Logger
}

/** A `provide` costs 0.1-2 s: few at a time, in the background. */
const CONCURRENCY = 2
const PROVIDE_MS = 30_000
/** Provider records last 48 h (libp2p kad-dht specification); told again well before, with jitter. */
const AGAIN_MS = 10 * 3_600_000
/** Changes of the own datasets that come together are told together. */
const SETTLE_MS = 200
const RETRY_MS = 5_000

/** Keeps the DHT told of what this island serves. */
export function announcer(components: AnnouncerComponents) {
  const { network, logger } = components
  /** Key (hex) -> when it is due again. */
  const told = new Map<string, number>()
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running = false
  let again = false

  async function round(): Promise<void> {
    if (running) {
      again = true
      return
    }
    running = true
    let failed = 0
    try {
      const wanted = new Map(
        keysToProvide(network.archipelagoId, await components.ids()).map((key) => [
          Buffer.from(key).toString('hex'),
          key,
        ]),
      )
      for (const key of told.keys()) if (!wanted.has(key)) told.delete(key)
      const queue = [...wanted].filter(([hex]) => (told.get(hex) ?? 0) <= Date.now())
      if (network.connections().length === 0) failed = queue.length
      else {
        await Promise.all(
          Array.from({ length: CONCURRENCY }, async () => {
            for (let next = queue.shift(); next !== undefined && !stopping.signal.aborted; next = queue.shift()) {
              const [hex, key] = next
              try {
                await network.provide(key, {
                  signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(PROVIDE_MS)]),
                })
                told.set(hex, Date.now() + AGAIN_MS * (0.75 + Math.random() / 4))
              } catch (error) {
                failed += 1
                if (!stopping.signal.aborted)
                  logger.debug({ error: (error as Error).message }, 'a key was not provided')
              }
            }
          }),
        )
      }
    } catch (error) {
      failed += 1
      logger.debug({ error: (error as Error).message }, 'providing failed')
    } finally {
      running = false
    }
    const due = Math.min(...told.values(), Date.now() + AGAIN_MS)
    const delay = again
      ? SETTLE_MS
      : failed > 0
        ? RETRY_MS * (0.5 + Math.random())
        : Math.max(SETTLE_MS, due - Date.now())
    again = false
    later(delay)
  }

  function later(ms: number): void {
    clearTimeout(timer)
    if (!stopping.signal.aborted) timer = setTimeout(() => void round(), ms)
  }

  return {
    start(): void {
      network.on('peer:ready', () => later(SETTLE_MS))
      later(SETTLE_MS)
    },
    stop(): void {
      clearTimeout(timer)
      stopping.abort()
    },
    /** What is served here changed. */
    changed: () => later(SETTLE_MS),
  }
}
