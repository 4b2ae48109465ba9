/** Which version of a dataset is meant, and who gives it. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Located, LocatedHolder } from '../resolve/port.ts'

/** Files from whom a replica may be fetched, by what they say of theirs. */
const GIVES = new Set(['available', 'partial', 'transferring', 'verifying'])

export interface FinderComponents {
  self: string
  /** Everything known of a dataset; holders are asked just now, unless `known`, from the catalog, is enough. @throws BAD_ID, DATASET_NOT_FOUND */
  locate(ref: string, options: { signal: AbortSignal; known?: boolean; version?: string }): Promise<Located[]>
  /** Where it is beside islands. */
  origin?(claim: Located, version: string): Promise<LocatedHolder | undefined>
  /** The one that is meant. @throws AMBIGUOUS */
  one(ref: string, located: Located[]): Located
}

export interface Found {
  claim: Located
  /** Other islands that say that they have some of it. */
  holders: LocatedHolder[]
  version: string
}

/** @throws BAD_ID, DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version) */
export type Find = (
  ref: string,
  version: string | undefined,
  options: { signal: AbortSignal; known?: boolean },
) => Promise<Found>

export function finder({ self, locate, one, origin }: FinderComponents): Find {
  return async (ref, version, options) => {
    const wanted = version?.toLowerCase()
    const located = await locate(ref, { ...options, ...(wanted === undefined ? {} : { version: wanted }) })
    const of = (l: Located) => [l.version, ...l.holders.map((h) => h.version)]
    const having = wanted === undefined ? located : located.filter((l) => of(l).some((each) => each.startsWith(wanted)))
    if (having.length === 0)
      throw new ArchipelError('NOT_FOUND', `no island that is known here has a version ${wanted?.slice(0, 80)}`, {
        hint: '`archipel resolve <id>` shows which versions are held.',
      })
    const claim = one(ref, having)
    const meant = wanted === undefined ? claim.version : of(claim).find((each) => each.startsWith(wanted))!
    const holders = claim.holders.filter((h) => h.island !== self && h.version === meant && GIVES.has(h.state))
    const beside = await origin?.(claim, meant)
    return { claim, holders: beside === undefined ? holders : [...holders, beside], version: meant }
  }
}
