import type { ReplicaState } from '../../protocols/model/dataset.ts'
import type { Liveness } from '../../protocols/model/island.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'

/** One publisher's statement about one dataset: what the catalog holds of it. */
export interface Claim {
  id: string
  publisher: string
  name: string
  version: string
  aliases: string[]
}

export interface HeldBy {
  island: string
  state: ReplicaState
  version: string
  /** Another version, which it fetches. */
  coming?: string
  /** Milliseconds since 1970 of the record. */
  time: number
}

/** What the catalog and its index answer without asking anybody. */
export interface ClaimLookup {
  /** Claims whose id or one of whose aliases is this. */
  byId(id: string): Claim[]
  byName(name: string): Claim[]
  holders(publisher: string, id: string): HeldBy[]
}

export interface IslandLookup {
  self: string
  nameOf(island: string): string
  peerOf(island: string): string | undefined
  islandOf(peerId: string): string | undefined
  isMember(island: string): boolean
  liveness(island: string): Liveness
  rttMs(island: string): number | undefined
  addressesOf(island: string): string[]
}

/** Asks one island, itself included, what it holds of these ids right now. */
export type AskHoldings = (
  island: string,
  ids: string[],
  options: { signal?: AbortSignal; addresses?: string[] },
) => Promise<Holding[]>

export interface LocatedHolder {
  island: string
  state: ReplicaState
  version: string
  via: ('catalog' | 'dht')[]
  /** Milliseconds since 1970 of the newest evidence. */
  freshness: number
  confirmed: boolean
  reason?: string
}

/** A claim with who holds it. */
export interface Located extends Claim {
  holders: LocatedHolder[]
}
