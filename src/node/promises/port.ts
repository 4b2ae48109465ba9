import type { Logger } from 'pino'
import type { PromiseAnswer, PromiseRequest } from '../../protocols/promise/messages.ts'
import type { Bucket } from '../store/port.ts'

/** A whole copy of a version. */
export interface Copy {
  publisher: string
  dataset: string
  version: string
}

/** A rule that a drop would leave with too few copies. */
export interface Unmet {
  /** Its id, and who made it. */
  rule: string
  origin: string
  /** Copies that others promised to keep, and those that it asks for. */
  kept: number
  wanted: number
}

export interface PromisesPort {
  /** Reads what was promised before. */
  start(): Promise<void>
  /** The last of the promises that bind this island to keep a copy now. */
  promised(copy: Copy): { to: string; until: number } | undefined
  /** What another member asks. Durable when it answers. @throws DISK_FULL */
  answer(from: string, request: PromiseRequest): Promise<PromiseAnswer>
  /**
   * Deletes a copy once enough others promised to keep theirs; with `force` without asking them. No promise is given meanwhile.
   *
   * @throws LAST_COPY, BELOW_RULE, PROMISE_MISSING (details.unanswered), DROP_CONFLICT, DROP_PROMISED (also with `force`)
   */
  drop(
    copy: Copy,
    options: { holders: readonly string[]; force: boolean; signal: AbortSignal },
    remove: () => Promise<void>,
  ): Promise<void>
}

export interface PromisesInit {
  self: string
  /** Milliseconds for which others are asked to promise. Default 10 min. */
  forMs?: number
}

export interface PromisesComponents {
  store: Bucket
  /** Whether it is whole here, its files looked at just now. */
  holds(copy: Copy): Promise<boolean>
  ask(island: string, request: PromiseRequest, options: { signal: AbortSignal }): Promise<PromiseAnswer>
  /** Rules that would have too few copies if of all holders these stay, this island gone. */
  unmet(copy: Copy, stay: readonly string[]): Unmet[]
  nameOf(island: string): string
  /** Milliseconds since 1970; `Date.now` by default. */
  now?(): number
  logger: Logger
}
