import type { Logger } from 'pino'
import type { Held } from './held.ts'

export interface UpkeepInit {
  self: string
  abandonedMs: number
  lostMs: number
}

export interface UpkeepComponents {
  all(): Iterable<Held>
  hasLine(island: string): boolean
  /** Asks the site for it. */
  find(entry: Held): Promise<void>
  forget(entry: Held): Promise<void>
  now(): number
  logger: Logger
}

const LOOK_MS = 1_000

/** Looks again and again: for what was not found yet, for sites that do not come back, for askers that do not. */
export function upkeep(init: UpkeepInit, components: UpkeepComponents) {
  const { now, logger } = components
  const seen = new Map<string, number>()
  const downSince = new Map<unknown, number>()
  let timer: NodeJS.Timeout | undefined
  let looking = false

  async function one(entry: Held, time: number): Promise<void> {
    const { record, site } = entry
    if (components.hasLine(record.island)) seen.set(record.island, time)
    else if (!seen.has(record.island)) seen.set(record.island, time)
    if (record.type === 'session' && seen.get(record.island)! + init.abandonedMs <= time && site.state().up) {
      logger.info({ island: record.island }, 'a session is ended: its island has not been heard of')
      await components.forget(entry)
      return
    }
    if (entry.unwanted && site.state().up) return await components.forget(entry)
    if (entry.id === undefined && entry.lost === undefined && site.state().up) await components.find(entry)
    const since = downSince.get(site)
    if (since !== undefined && since + init.lostMs <= time && !entry.over)
      entry.lose(`Livy did not answer for ${Math.round((time - since) / 1000)} s`)
  }

  async function look(): Promise<void> {
    if (looking) return
    looking = true
    const time = now()
    for (const entry of [...components.all()]) {
      if (entry.site.state().up) downSince.delete(entry.site)
      else if (!downSince.has(entry.site)) downSince.set(entry.site, time)
      await one(entry, time).catch((error: unknown) => logger.debug({ err: error }, 'a site did not answer'))
    }
    looking = false
  }

  return {
    start() {
      timer = setInterval(() => void look(), LOOK_MS)
      timer.unref()
    },
    stop() {
      clearInterval(timer)
    },
  }
}
