import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { type Card, card as cardSchema } from '../../protocols/model/island.ts'
import type { CatalogPort } from '../catalog/port.ts'

/** Changes of addresses come in bursts, e.g. while relay reservations are made. */
const SETTLE_MS = 300
const RETRY_MS = 5_000

/** Keeps the island's card in the catalog equal to what the island is now; writes only when it differs. */
export function ownCard(components: { catalog: CatalogPort; self: string; describe: () => Card; logger: Logger }) {
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  async function write(): Promise<void> {
    const next = cardSchema.parse(components.describe())
    const known = await components.catalog.get('island', components.self, components.self)
    if (known !== undefined && sameCard(known.body, next)) return
    await components.catalog.append('island', components.self, next)
  }

  function later(ms: number): void {
    clearTimeout(timer)
    if (stopped) return
    timer = setTimeout(() => {
      write().catch((error: Error) => {
        components.logger.warn({ error: error.message }, 'the card could not be written')
        later(RETRY_MS)
      })
    }, ms)
  }

  return {
    write,
    changed: () => later(SETTLE_MS),
    stop(): void {
      stopped = true
      clearTimeout(timer)
    },
  }
}

function sameCard(known: unknown, next: Card): boolean {
  const parsed = cardSchema.safeParse(known)
  return parsed.success && isDeepStrictEqual(parsed.data, next)
}
