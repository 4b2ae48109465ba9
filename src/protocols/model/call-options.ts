/** What comes with a call of an island's function. */
export interface CallOptions {
  signal?: AbortSignal
  /** Who asks: the name of a token, as the journal and tasks have it; the owner when absent. */
  user?: string
}
