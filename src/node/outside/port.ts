/** What is asked of a service that holds data outside of all islands. */

/** A file as its service shows it now. */
export interface Listed {
  /** Below the place that was listed; of a single file its name. `/`-separated. */
  path: string
  /** Where it is: without query, user or password. */
  url: string
  size: number
  /** What the service says of its state (ETag, time of change): another tag is another file. */
  tag: string
}

export type OutsideRef = Pick<Listed, 'url' | 'size' | 'tag'>

/** One kind of service. Each call is one try; who calls tries again. */
export interface OutsideSource {
  /**
   * Every file below a place, or the one file that it names.
   * @throws NOT_FOUND, SOURCE_REFUSED, SOURCE_UNREACHABLE, UNREADABLE
   */
  list(url: string, signal: AbortSignal): AsyncIterable<Listed>
  /** @throws as `list` */
  stat(url: string, signal: AbortSignal): Promise<Listed>
  /**
   * Bytes of that very file. May end early where a connection does; never gives more than was asked for.
   * @throws STALE where the service has another file there by now; else as `list`
   */
  read(file: OutsideRef, range: { offset: number; length: number }, signal: AbortSignal): AsyncIterable<Uint8Array>
  close(): Promise<void>
}
