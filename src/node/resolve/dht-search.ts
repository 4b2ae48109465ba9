import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { mayClaim } from '../../protocols/model/ids.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'
import type { NetworkPort } from '../network/port.ts'
import { datasetKey, prefixKey } from './keys.ts'
import type { Claim, IslandLookup, Located, LocatedHolder } from './port.ts'

/** One island's own truth, asked at most once. */
export type Ask = (island: string, options?: { addresses?: string[] }) => Promise<Holding[]>

export interface DhtSearchComponents {
  islands: IslandLookup
  network: Pick<NetworkPort, 'archipelagoId' | 'findProviders'>
  logger: Logger
}

export interface DhtSearchOptions {
  ask: Ask
  /** Milliseconds for all of it. */
  ms: number
  /** Whether holders that are known already are to be asked, too. */
  confirm: boolean
  signal: AbortSignal
}

/** Islands asked that the DHT names. */
const MAX_PROVIDERS = 20
/**
 * Milliseconds for the nearest answer before more is set in motion: the walk through the DHT, which goes on behind the records
 * that are here already, and the look-up of prefixes, which name few islands only.
 */
const NEAREST_MS = 50

/**
 * Adds to `located` what the DHT knows of these ids. Where no holder is known yet, the first island that says yes is an
 * answer; beside known holders the search goes on until it has named them all. Islands that the DHT alone names are asked:
 * its records outlive their truth. Never throws.
 */
export async function dhtSearch(
  { islands, network, logger }: DhtSearchComponents,
  ids: string[],
  located: Located[],
  { ask, ms, confirm, signal }: DhtSearchOptions,
): Promise<void> {
  const missing = new Set(located.flatMap((l) => l.holders.map((h) => h.island)))
  const beside = missing.size > 0
  const asked = new Set<string>()
  const enough = new AbortController()
  const ended = AbortSignal.any([signal, AbortSignal.timeout(ms), enough.signal])
  const asks: Promise<void>[] = []
  const nearest = sleep(NEAREST_MS, undefined, { signal: ended }).catch(() => {})
  /** What comes later counts no more: the answer was given. */
  let over = false

  function found(island: string): void {
    missing.delete(island)
    if (missing.size === 0) enough.abort()
  }

  async function search({ key, exact }: Key): Promise<void> {
    try {
      for await (const provider of network.findProviders(key, { signal: ended })) {
        if (ended.aborted) return
        const island = islands.islandOf(provider.peerId)
        if (island === undefined || asked.has(island) || asked.size >= MAX_PROVIDERS) continue
        const holders = located.flatMap((l) => l.holders.filter((h) => h.island === island))
        // A prefix stands for many ids, so that only the island itself can say what it meant.
        if (holders.length > 0 && exact && !confirm) {
          for (const holder of holders) holder.via = [...new Set([...holder.via, 'dht' as const])]
          found(island)
          continue
        }
        asked.add(island)
        const asking = askProvider(island, provider.addresses)
        asks.push(asking)
        if (!beside) await Promise.race([asking, nearest])
      }
    } catch (error) {
      if (!ended.aborted) logger.debug({ error: (error as Error).message }, 'a DHT look-up failed')
    }
  }

  async function askProvider(island: string, addresses: string[]): Promise<void> {
    try {
      const holdings = await ask(island, { addresses })
      if (over) return
      for (const h of holdings) if (speaksOf(h, ids)) merge(located, h, island)
      if (beside) found(island)
      else if (holdings.length > 0) enough.abort()
    } catch (error) {
      logger.debug({ island, error: (error as Error).message }, 'a provider did not confirm')
    }
  }

  async function searchAll(): Promise<void> {
    const keys = keysOf(network.archipelagoId, ids)
    const singles = Promise.all(keys.filter((key) => key.exact).map(search))
    await nearest
    if (!ended.aborted) await Promise.all([singles, ...keys.filter((key) => !key.exact).map(search)])
  }

  await Promise.race([searchAll(), aborted(ended)])
  // Beside the catalog nobody is waited for beyond the time; else whoever was named has the time of a question.
  await (beside ? Promise.race([Promise.all(asks), aborted(ended)]) : Promise.all(asks))
  over = true
  // A search that has not noticed its end by now is left to itself.
  enough.abort()
}

interface Key {
  key: Uint8Array
  /** Stands for one id, not for all ids with its first bits. */
  exact: boolean
}

function keysOf(archipelagoId: string, ids: string[]): Key[] {
  const keys = new Map<string, Key>()
  const add = (key: Uint8Array, exact: boolean) => keys.set(Buffer.from(key).toString('hex'), { key, exact })
  for (const id of ids) {
    add(datasetKey(archipelagoId, id), true)
    add(prefixKey(archipelagoId, id), false)
  }
  return [...keys.values()]
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Whether it is held under one of these ids, and not only under a name that is another island's to give. */
function speaksOf(holding: Holding, ids: string[]): boolean {
  const { id, publisher, aliases } = holding
  return mayClaim(publisher, id) && ids.some((asked) => [id, ...aliases].includes(asked) && mayClaim(publisher, asked))
}

function merge(located: Located[], holding: Holding, island: string): void {
  const { id, publisher, name, version, aliases, state } = holding
  const claim: Claim = { id, publisher, name, version, aliases }
  const holder: LocatedHolder = {
    island,
    state,
    version,
    via: ['dht'],
    freshness: Date.now(),
    confirmed: state === 'available',
  }
  let entry = located.find((l) => l.id === id && l.publisher === publisher)
  if (entry === undefined) {
    entry = { ...claim, holders: [] }
    located.push(entry)
  }
  const known = entry.holders.find((h) => h.island === island)
  if (known === undefined) entry.holders.push(holder)
  else Object.assign(known, { ...holder, via: [...new Set([...known.via, ...holder.via])] })
}
