/** What every function takes as its last argument. */
export interface ClientOptions {
  /** Ends the call with CANCELLED (DEADLINE for `AbortSignal.timeout`). */
  signal?: AbortSignal
  /** Of a call that makes something: with the same key it is made once, so that it may be tried again. */
  idempotencyKey?: string
}
