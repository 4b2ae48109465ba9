import type { Logger } from 'pino'
import { lossOf } from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { mayClaim, parseRef } from '../../protocols/model/ids.ts'
import type { Resolution, ResolveRequest } from '../../protocols/model/views.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'
import type { NetworkPort } from '../network/port.ts'
import { type Ask, dhtSearch } from './dht-search.ts'
import type { AskHoldings, Claim, ClaimLookup, IslandLookup, Located } from './port.ts'

export interface ResolverComponents {
  catalog: ClaimLookup
  islands: IslandLookup
  network: Pick<NetworkPort, 'archipelagoId' | 'findProviders'>
  ask: AskHoldings
  logger: Logger
  /** Milliseconds for the DHT where it is asked beside a catalog that knows holders. Default `DHT_BESIDE_MS`. */
  dhtBesideMs?: number
}

export interface LocateOptions {
  via: 'catalog' | 'dht' | 'both'
  /** Ask the holders that the catalog knows. Others that the DHT names are always asked: its records outlive their truth. */
  confirm: boolean
  /** With `both`: ask the DHT although the catalog knows holders, so that the evidence of both is told. Default false: it takes longer. */
  allEvidence?: boolean
  /** The beginning of a version: of who holds several, this one is told. */
  version?: string
  signal?: AbortSignal
}

export interface ResolverPort {
  /** Everything known of an id in any spelling or a short name. @throws BAD_ID, DATASET_NOT_FOUND */
  locate(ref: string, options: LocateOptions): Promise<Located[]>
  /** For people: asks catalog and DHT at once. */
  resolve(request: ResolveRequest, options?: { signal?: AbortSignal }): Promise<Resolution>
  /** The one claim that is meant. @throws AMBIGUOUS with `details.candidates` */
  one(ref: string, located: Located[]): Located
}

/** Ids that an alias chain may lead to. */
const MAX_ALIASES = 32
/** Milliseconds for the DHT as a whole: where the catalog knows no holder, and beside a catalog that does. */
const DHT_MS = 5_000
const DHT_BESIDE_MS = 1_000
const CONFIRM_MS = 4_000

/** Without what a publisher says of another dataset of its own by an alias, where it has one of exactly this id. */
function nearest(ref: string, located: Located[]): Located[] {
  const asked = parseRef(splitPublisher(ref).ref)
  if (!('id' in asked)) return located
  const exact = new Set(located.flatMap((l) => (l.id === asked.id ? l.publisher : [])))
  return located.filter((l) => l.id === asked.id || !exact.has(l.publisher))
}

/** Of each claim one holding: the first that is wanted, else the first. */
function oneOfEach(holdings: Holding[], wanted: (holding: Holding) => boolean): Holding[] {
  const found = new Map<string, Holding>()
  for (const holding of holdings) {
    const key = `${holding.publisher} ${holding.id}`
    const before = found.get(key)
    if (before === undefined || (!wanted(before) && wanted(holding))) found.set(key, holding)
  }
  return [...found.values()]
}

/** `<id>@<island id>` names the claim of one publisher. */
export function splitPublisher(ref: string): { ref: string; publisher: string | undefined } {
  const match = /^(.+)@(isl[a-z2-7]{32})$/.exec(ref.trim())
  return match === null ? { ref, publisher: undefined } : { ref: match[1]!, publisher: match[2]! }
}

export function resolver(components: ResolverComponents): ResolverPort {
  const { catalog, islands, dhtBesideMs: besideMs = DHT_BESIDE_MS } = components

  /** Claims about the id and everything its aliases lead to, until nothing new appears. */
  function closure(id: string): { ids: string[]; claims: Claim[] } {
    const ids = new Set([id])
    const claims = new Map<string, Claim>()
    const queue = [id]
    while (queue.length > 0 && ids.size <= MAX_ALIASES) {
      const at = queue.shift()!
      for (const claim of catalog.byId(at)) {
        if (!islands.isMember(claim.publisher) || !mayClaim(claim.publisher, at)) continue
        claims.set(`${claim.publisher} ${claim.id}`, claim)
        for (const next of [claim.id, ...claim.aliases]) {
          if (ids.has(next) || !mayClaim(claim.publisher, next)) continue
          ids.add(next)
          queue.push(next)
        }
      }
    }
    return { ids: [...ids], claims: [...claims.values()] }
  }

  function fromCatalog(claims: Claim[]): Located[] {
    return claims.map((claim) => ({
      ...claim,
      holders: catalog
        .holders(claim.publisher, claim.id)
        .filter((h) => islands.isMember(h.island))
        .map((h) => ({
          island: h.island,
          state: h.state,
          version: h.version,
          via: ['catalog'] as ('catalog' | 'dht')[],
          freshness: h.time,
          confirmed: false,
        })),
    }))
  }

  async function confirmAll(located: Located[], ask: Ask): Promise<void> {
    const toAsk = new Set(
      located.flatMap((l) => l.holders.filter((h) => !h.confirmed && h.reason === undefined).map((h) => h.island)),
    )
    await Promise.all(
      [...toAsk].map(async (island) => {
        const mine = located.flatMap((l) =>
          l.holders.filter((h) => h.island === island).map((holder) => ({ claim: l, holder })),
        )
        try {
          const holdings = await ask(island)
          for (const { claim, holder } of mine) {
            const found = holdings.find((h) => h.id === claim.id && h.publisher === claim.publisher)
            holder.freshness = Date.now()
            if (found === undefined) holder.reason = 'the island says it does not hold it'
            else {
              holder.state = found.state
              holder.version = found.version
              holder.confirmed = found.state === 'available'
              if (!holder.confirmed) holder.reason = `its replica is ${found.state}`
            }
          }
        } catch (error) {
          for (const { holder } of mine) holder.reason = toArchipelError(error).message
        }
      }),
    )
  }

  /**
   * Asks each island once, whoever named it; again only where that failed and somebody knows addresses.
   *
   * @param wanted what is told of an island that holds several versions of a dataset
   */
  function asker(ids: string[], signal: AbortSignal, wanted: (holding: Holding) => boolean): Ask {
    const answers = new Map<string, Promise<Holding[]>>()
    return (island, options = {}) => {
      const once = async () =>
        oneOfEach(
          await components.ask(island, ids, {
            ...options,
            signal: AbortSignal.any([signal, AbortSignal.timeout(CONFIRM_MS)]),
          }),
          wanted,
        )
      const before = answers.get(island)
      if (before !== undefined && (options.addresses ?? []).length === 0) return before
      const answer = before === undefined ? once() : before.catch(once)
      answers.set(island, answer)
      return answer
    }
  }

  async function locate(text: string, options: LocateOptions): Promise<Located[]> {
    const { ref: plain, publisher } = splitPublisher(text)
    const ref = parseRef(plain)
    const useCatalog = options.via !== 'dht'
    let ids: string[]
    let located: Located[] = []
    if ('name' in ref) {
      if (!useCatalog) throw new ArchipelError('BAD_ID', `the DHT knows ids only, not the short name ${plain}`)
      const claims = catalog.byName(ref.name).filter((c) => islands.isMember(c.publisher))
      ids = claims.map((c) => c.id)
      located = fromCatalog(claims)
    } else if (useCatalog) {
      const found = closure(ref.id)
      ids = found.ids
      located = fromCatalog(found.claims)
    } else ids = [ref.id]
    const signal = options.signal ?? new AbortController().signal
    const { version } = options
    const ask = asker(ids, signal, (holding) =>
      version === undefined
        ? located.some((l) => l.id === holding.id && l.publisher === holding.publisher && l.version === holding.version)
        : holding.version.startsWith(version),
    )
    const known = located.some((l) => l.holders.length > 0)
    const useDht = ids.length > 0 && options.via !== 'catalog' && (!known || options.allEvidence === true)
    const searchDht = () =>
      dhtSearch(components, ids, located, { ask, ms: known ? besideMs : DHT_MS, confirm: options.confirm, signal })
    const confirmKnown = async () => (options.confirm ? confirmAll(located, ask) : undefined)
    if (useDht && known) await Promise.all([searchDht(), confirmKnown()])
    else {
      if (useDht) await searchDht()
      await confirmKnown()
    }
    if (publisher !== undefined) located = located.filter((l) => l.publisher === publisher)
    if (located.length === 0)
      throw new ArchipelError('DATASET_NOT_FOUND', `no island that is known here publishes ${plain}`)
    return located
  }

  return {
    locate,
    async resolve(request, options = {}) {
      const started = performance.now()
      const via = request.via ?? 'both'
      const version = request.version?.toLowerCase()
      const located = await locate(request.ref, {
        via,
        confirm: request.confirm ?? true,
        allEvidence: true,
        ...(version === undefined ? {} : { version }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
      const first = located[0]!
      const ofVersion = (h: { version: string }) => version === undefined || h.version.startsWith(version)
      const asked = parseRef(splitPublisher(request.ref).ref)
      const losses = located.map((l) => lossOf(l.version, l.holders))
      const lost = losses.includes(undefined) ? undefined : losses.includes('some') ? 'some' : 'all'
      const aliases = [...new Set(located.flatMap((l) => [l.id, ...l.aliases]))]
      return {
        id: 'id' in asked ? asked.id : first.id,
        aliases,
        holders: located.flatMap((l) =>
          l.holders.filter(ofVersion).map((h) => ({
            island: h.island,
            name: islands.nameOf(h.island),
            publisher: l.publisher,
            version: h.version,
            state: h.state,
            via: h.via,
            freshness: new Date(h.freshness).toISOString(),
            confirmed: h.confirmed,
            ...(h.reason === undefined ? {} : { reason: h.reason }),
          })),
        ),
        ...(lost === undefined ? {} : { lost }),
        elapsedMs: performance.now() - started,
      }
    },
    one(ref, found) {
      const located = nearest(ref, found)
      // One version is one state of the same bytes, whoever publishes it and under which id.
      const versions = new Set(located.map((l) => l.version))
      if (versions.size <= 1) {
        const same = located.filter((l) => l.id === located[0]!.id)
        return { ...located[0]!, holders: same.flatMap((l) => l.holders) }
      }
      const candidates = located.map((l) => ({
        id: l.id,
        publisher: l.publisher,
        island: islands.nameOf(l.publisher),
        version: l.version,
        ref: `${l.id}@${l.publisher}`,
      }))
      throw new ArchipelError('AMBIGUOUS', `${ref} means ${candidates.length} different datasets`, {
        details: { candidates },
      })
    },
  }
}
