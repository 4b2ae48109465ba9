import type { Signer, Verify, VerifyMany } from '../../protocols/record/keys.ts'
import type { MemberFact } from '../../protocols/record/member-facts.ts'
import type { CatalogEvents, Clock, LogStore } from './port.ts'

/** The part of pino's logger that the catalog uses. */
export interface CatalogLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  debug(fields: object, message: string): void
}

export interface CatalogInit {
  archipelagoId: string
  /** The genesis record, canonical bytes. */
  genesis: Uint8Array
  /** This island's id. */
  self: string
  /** Default `TOMBSTONE_MS`, 30 days. */
  tombstoneMs?: number
  /** Default `MAX_CLOCK_SKEW_MS`, 10 minutes. */
  maxClockSkewMs?: number
  /** Default `ANNOUNCE_MS`, 250. */
  announceMs?: number
}

export interface CatalogComponents {
  store: LogStore
  signer: Signer
  /** Default: the system's. */
  clock?: Clock
  /** From 0 to below 1. Default `Math.random`. */
  random?: () => number
  /** Default: Ed25519. */
  verify?: Verify
  /** Default: Ed25519 on the thread pool; with a `verify` of one's own, that one. */
  verifyMany?: VerifyMany
  logger?: CatalogLogger
}

/** What the parts of the catalog share. */
export interface Context extends Required<Omit<CatalogInit, 'genesis'>> {
  store: LogStore
  signer: Signer
  clock: Clock
  random: () => number
  verify: Verify
  verifyMany: VerifyMany
  logger: CatalogLogger
  emit<E extends keyof CatalogEvents>(event: E, ...args: Parameters<CatalogEvents[E]>): void
  hasListeners(event: keyof CatalogEvents): boolean
  /** States a fact in the own log, in the background. */
  state(fact: MemberFact): void
  /** Work that nobody waits for but `stop`; a failure is logged. */
  background(what: string, work: () => Promise<unknown>): void
  stopping: AbortSignal
}
