/**
 * The catalog as its users and its surroundings see it. It does no network I/O: the network calls the `handle...`
 * methods for what peers ask, `syncWith` with a `SyncRemote` for what this island asks, and carries `announce`.
 */

import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { SignedHead } from '../../protocols/record/head.ts'
import type { Membership } from '../../protocols/record/membership.ts'
import type { Position } from '../../protocols/record/position.ts'
import type {
  DigestReply,
  DigestRequest,
  HeadsReply,
  HeadsRequest,
  OrphansItem,
  OrphansRequest,
  PullItem,
  PullRequest,
} from '../../protocols/sync/messages.ts'

export interface CallOptions {
  signal?: AbortSignal
}

/** Time comes from here, so that a simulation can own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `fn` once after so many milliseconds; the answer cancels it. Does not keep the process alive. */
  after(ms: number, fn: () => void): () => void
}

export interface Entry {
  /** `island`, `dataset`, `replica`, `rule`, `action`, `channel`, `member`. */
  kind: string
  /** Names the fact within this island's records of that kind. */
  id: string
  /** The content; without it the record of that id is withdrawn. */
  body?: unknown
}

/** Something in the catalog that is different now. Committed before it is told. */
export type CatalogChange =
  /** A new record, or another content of a known `(kind, id, origin)`. */
  | { type: 'put'; record: SignedRecord }
  /** That `(kind, id, origin)` is not there any more. */
  | { type: 'withdrawn'; kind: string; id: string; origin: string }
  /** The origin is a member no more: everything it had stated is gone, without a `withdrawn` for each. */
  | { type: 'dropped'; origin: string }

export interface CatalogEvents {
  /** In the order of commits, at most 500 changes a call. A listener must not throw and should not take long. */
  change: (changes: CatalogChange[]) => void
  /** To be gossiped now (`GossipMessage` as canonical CBOR, at most 16 KiB). At most four a second. */
  announce: (bytes: Uint8Array) => void
  /** `from` (an island id) has, or says that it has, news of `origin`: a `syncWith(from)` soon would fetch it. */
  behind: (news: { origin: string; from: string }) => void
  membership: (membership: Membership) => void
  'log:forked': (log: { origin: string; epoch: number }) => void
  /** A log turned out to contain a record that its origin did not sign; nothing more is accepted of it. */
  'log:bad': (log: { origin: string; reason: string }) => void
  'log:dropped': (log: { origin: string }) => void
  /** This island is no member any more; its log is refused everywhere. */
  'self:revoked': () => void
  /** The own log was taken over from a peer, or records of an earlier life came back. */
  'own:recovered': (news: { from: string; records: number; epoch: number }) => void
  /** The peer sent something that does not match what is signed; the network may want to avoid it. */
  'peer:suspect': (news: { peer: string; origin: string; reason: string }) => void
}

/** A connected member, as the catalog talks to it. Every call rejects with an ArchipelError or with the signal's reason. */
export interface SyncRemote {
  /** Its island id. */
  peer: string
  digest(request: DigestRequest, options?: CallOptions): Promise<DigestReply>
  heads(request: HeadsRequest, options?: CallOptions): Promise<HeadsReply>
  pull(request: PullRequest, options?: CallOptions): AsyncIterable<PullItem>
  orphans(request: OrphansRequest, options?: CallOptions): AsyncIterable<OrphansItem>
}

export interface SyncReport {
  /** Whether both knew the same at the end. */
  same: boolean
  /** Records that came in, and logs whose head moved. */
  records: number
  logs: number
  /** Logs that the peer has and that could not be taken now, with the reason. */
  pending: { origin: string; reason: string }[]
}

export interface CatalogStatus {
  /** Live records of all logs, and the number of logs. */
  records: number
  origins: number
  /** The own log; undefined before its first record. */
  own: (Position & { liveCount: number }) | undefined
  /** True until a first exchange with a peer after the start: until then nothing of the own log is sent. */
  recovering: boolean
  /** How often since the start the own log had to be recovered. More than a few: a second process uses this island's key. */
  recoveries: number
  quarantined: { origin: string; reason: string }[]
  /** Logs that are complete by their head but whose single signatures are still being checked. */
  unverified: number
  /** Median of (peer's clock - own clock) over the peers synced with, milliseconds; undefined when there were none. */
  clockSkewMs: number | undefined
  /** Records kept for origins that have not taken them back yet. */
  orphans: number
}

export interface CatalogPort {
  readonly self: string
  /** Opens the logs. @throws DATA_DIR_BROKEN */
  start(options?: CallOptions): Promise<void>
  /** Ends what is under way; what was acknowledged is durable anyway. */
  stop(): Promise<void>

  /** Writes into the own log; durable when it resolves. Calls in flight together are one commit and one head. @throws RECORD_INVALID, TOO_MANY, MEMBER_REVOKED */
  append(kind: string, id: string, body: unknown): Promise<SignedRecord>
  /** A withdrawal. Of something that is not there: undefined, and nothing is written. */
  withdraw(kind: string, id: string): Promise<SignedRecord | undefined>
  /** All or nothing, in this order, under one head. */
  appendMany(entries: Entry[]): Promise<SignedRecord[]>

  /** Live records with a body that is valid for its kind; unknown kinds are always valid. */
  get(kind: string, id: string, origin: string): Promise<SignedRecord | undefined>
  list(kind: string, options?: { origin?: string }): AsyncIterable<SignedRecord>
  own(kind: string): AsyncIterable<SignedRecord>

  /** Who is who, always current. */
  membership(): Membership
  /** The records it is derived from: what a newcomer needs to trust the others. */
  membershipFacts(): SignedRecord[]
  /** Further member records, from a ticket's answer or shown by a peer. Kept durably while they count; forged ones do nothing. */
  addFacts(records: SignedRecord[]): Promise<void>

  /** Heads of all logs that count. */
  heads(): SignedHead[]
  status(): CatalogStatus
  on<E extends keyof CatalogEvents>(event: E, listener: CatalogEvents[E]): () => void

  /**
   * One round with a peer: compare, then pull until nothing more comes. Call it when a peer connects (both sides do), on
   * `behind`, and every 30 s or so with each of at most 32 peers. Rounds with several peers may overlap; a second one
   * with the same peer joins the first.
   */
  syncWith(remote: SyncRemote, options?: CallOptions): Promise<SyncReport>
  /** What came by gossip. `from` is the island it came from. Never throws; what is wrong is ignored. */
  onGossip(from: string, bytes: Uint8Array): Promise<void>

  /** The answers to what peers ask; `from` is the island that asks, a member. @throws PROTOCOL, TOO_MANY */
  handleDigest(from: string, request: DigestRequest): Promise<DigestReply>
  handleHeads(from: string, request: HeadsRequest): Promise<HeadsReply>
  handlePull(from: string, request: PullRequest, options?: CallOptions): AsyncIterable<PullItem>
  handleOrphans(from: string, request: OrphansRequest, options?: CallOptions): AsyncIterable<OrphansItem>
}

/** What the catalog remembers of one log. */
export interface StoredLog {
  /** The pinned head, signed bytes. */
  head: Uint8Array
  /** `LiveSet.state()` of the live records. */
  set: Uint8Array
  /** Which generation of records is the current one; others are leftovers. */
  generation: number
  /** Every record's own signature was checked, not only the head's. */
  verified: boolean
  /** Withdrawals up to here are forgotten. */
  horizon: Position | null
  /** Why nothing more is accepted of it, if so. */
  bad: string | null
}

/** A record as the store needs it. */
export interface StoredRecord extends Position {
  kind: string
  id: string
  withdrawn?: true
  bytes: Uint8Array
}

export type StoreChange =
  | { type: 'log'; log: string; value: StoredLog }
  /** The record, and it is now the current one of its `(kind, id)`. */
  | { type: 'put'; log: string; generation: number; record: StoredRecord }
  /** A record that was replaced, or (`forget`) a withdrawal that goes together with its `(kind, id)`. */
  | { type: 'remove'; log: string; generation: number; position: Position; forget?: { kind: string; id: string } }
  /** The log's entry. Its records are removed by `discard`. */
  | { type: 'no-log'; log: string }
  | { type: 'fact'; hash: string; bytes: Uint8Array }
  | { type: 'no-fact'; hash: string }
  | { type: 'orphan'; log: string; position: Position; bytes: Uint8Array }
  | { type: 'no-orphan'; log: string; position: Position }

/**
 * Where the catalog lives. `log` names a log (for the audience `members`: the island id of its origin).
 * Iterators answer with a consistent state: that of the moment of the call.
 */
export interface LogStore {
  /** All logs, in any order. */
  logs(): AsyncIterable<[log: string, value: StoredLog]>
  /** All or nothing, and durable when it resolves. */
  commit(changes: StoreChange[]): Promise<void>
  /** Puts records under a generation that no log names yet. Not durable before a `commit` that follows it. */
  stage(log: string, generation: number, records: StoredRecord[]): Promise<void>
  /** Removes all generations of a log's records other than `keep`. */
  discard(log: string, keep: number | null): Promise<void>
  /** Removes everything but one generation of each of these logs: leftovers of what a crash interrupted. */
  sweep(keep: ReadonlyMap<string, number>): Promise<void>
  /** The current records (withdrawals, too) of these names, in their order; undefined where there is none. */
  current(log: string, generation: number, names: { kind: string; id: string }[]): Promise<(Uint8Array | undefined)[]>
  /** The record at a position. */
  at(log: string, generation: number, position: Position): Promise<Uint8Array | undefined>
  /** Records in the order of positions, after `after`; withdrawals, too. In chunks. */
  range(log: string, generation: number, after: Position | null): AsyncIterable<Uint8Array[]>
  /** Current records of one kind, withdrawals left out, in the order of ids (bytes). In chunks. */
  ofKind(log: string, generation: number, kind: string): AsyncIterable<Uint8Array[]>
  /** Current withdrawals of all kinds. In chunks. */
  withdrawals(log: string, generation: number): AsyncIterable<Uint8Array[]>
  facts(): AsyncIterable<[hash: string, bytes: Uint8Array]>
  /** In the order of positions; of all logs when none is named. */
  orphans(log?: string): AsyncIterable<Uint8Array>
}
