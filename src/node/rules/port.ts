import type { Logger } from 'pino'
import type { CallOptions } from '../../protocols/model/call-options.ts'
import type { Card } from '../../protocols/model/island.ts'
import type { RuleExplanation, RulePage, RuleRequest, RuleView } from '../../protocols/model/rule.ts'
import type { TransferPriority } from '../../protocols/model/transfer.ts'
import type { CatalogPort } from '../catalog/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { HeldBy } from '../resolve/port.ts'

/** Rules of all islands, and what this one does for them. */
export interface RulesPort {
  /** Reads the catalog, and follows it. */
  start(): Promise<void>
  /** From here on, copies are brought. */
  resume(): void
  stop(): Promise<void>
  /** @throws BAD_INPUT, NOT_FOUND and AMBIGUOUS (the island), RULE_IMPOSSIBLE, RULE_EXISTS, FORBIDDEN */
  add(request: RuleRequest, options?: CallOptions): Promise<RuleExplanation>
  list(page?: { limit?: number; cursor?: string }, options?: CallOptions): Promise<RulePage>
  /** By id, or its beginning. @throws RULE_NOT_FOUND, AMBIGUOUS */
  show(ref: string, options?: CallOptions): Promise<RuleView>
  explain(ref: string, options?: CallOptions): Promise<RuleExplanation>
  /** Whether a rule of this id is known that has not expired. */
  lives(id: string): boolean
  /** When all rules that are in the catalog are known. */
  settled(): Promise<void>
  /** Rules that would lose a copy which they need if of all holders these stayed, and not this island. */
  unmet(
    copy: { publisher: string; dataset: string; version: string },
    stay: readonly string[],
  ): { rule: string; origin: string; kept: number; wanted: number }[]
  /** One of this island. @throws RULE_NOT_FOUND, AMBIGUOUS, FORBIDDEN */
  remove(ref: string, options?: CallOptions): Promise<{ id: string }>
}

export interface RulesInit {
  self: string
  /** Milliseconds in which a claim has to appear before the next island has its turn. */
  claimMs: number
  /** Milliseconds of silence after which an island's copies count no more. */
  lostMs: number
}

export interface RulesComponents {
  catalog: Pick<CatalogPort, 'get' | 'list' | 'append' | 'withdraw' | 'on'>
  /** Members, this island among them. */
  members(): string[]
  card(island: string): Card | undefined
  nameOf(island: string): string
  /** By id or name. @throws NOT_FOUND, AMBIGUOUS */
  islandNamed(text: string): string
  /** Milliseconds since it was last heard; 0 while it is live. */
  silentMs(island: string): number
  /** Who says that it has what of a dataset. */
  holders(publisher: string, dataset: string): HeldBy[]
  /** Tells others at once which copies this island is going to bring. */
  claim(datasets: readonly { id: string; publisher: string; version: string; bytes: number }[]): Promise<void>
  /** After the copy was begun, or could not be. */
  unclaim(dataset: { id: string; publisher: string; version: string }): Promise<void>
  /** Begins to bring a copy. @throws what `get` throws */
  bring(
    dataset: { id: string; publisher: string; version: string },
    options: { priority: TransferPriority; user: string; signal: AbortSignal },
  ): Promise<unknown>
  /** Whether somebody stopped its coming here. */
  paused(dataset: { id: string; publisher: string; version: string }): boolean
  policy: PolicyPort
  journal: JournalPort
  newId(): string
  /** Milliseconds since 1970; `Date.now` by default. */
  now?(): number
  /** Calls it once after so many milliseconds; the answer cancels it. `setTimeout` by default. */
  after?(ms: number, fn: () => void): () => void
  logger: Logger
}
