/** The events of an island, through broken connections and restarts. */
import { ArchipelError, type ErrorCode, toArchipelError } from '../../protocols/model/errors.ts'
import type { IslandEvent } from '../../protocols/model/views.ts'
import { fromTransport, parse } from './failures.ts'
import { jittered, pause } from './retry.ts'
import { serverSentEvents } from './streams.ts'
import { TABLE } from './table.ts'
import type { Transport } from './transport.ts'

/** `open`: events arrive. `lost`: the connection broke, and is being made again. */
export type ConnectionState = 'open' | 'lost'

export interface EventOptions {
  /** Ends the reading, which throws CANCELLED. */
  signal?: AbortSignal
  /** Go on after this event; `onId` gives the ids. */
  lastEventId?: string
  onId?: (id: string) => void
  /** Called at each change, with the reason of a loss. Never twice with the same state. */
  onState?: (state: ConnectionState, error?: ArchipelError) => void
  /** Whether a broken connection is made again; true by default. Without, NOT_RUNNING or UNREACHABLE ends the reading. */
  reconnect?: boolean
}

/** Milliseconds before the first new try; doubled to the last, at random down to the half. */
const FIRST_MS = 250
const MAX_MS = 10_000
/** What passes by itself; anything else (a token that was revoked) ends the reading. */
const PASSING = new Set<ErrorCode>(['NOT_RUNNING', 'UNREACHABLE', 'TOO_MANY', 'DEADLINE', 'RECOVERING', 'PROTOCOL'])

/** A browser knows when its network is back: the pause ends then. */
function online(wake: () => void): () => void {
  if (typeof globalThis.window === 'undefined') return () => {}
  globalThis.window.addEventListener('online', wake)
  return () => globalThis.window.removeEventListener('online', wake)
}

/**
 * Events in their order, resumed where the last one was; `{ lost: n }` where at least n are missing. Endless.
 * @throws CANCELLED by the signal or `close`, UNAUTHENTICATED and the like; see `EventOptions.reconnect`
 */
export async function* islandEvents(
  http: Transport,
  { signal, lastEventId, onId, onState, reconnect = true }: EventOptions,
): AsyncGenerator<IslandEvent | { lost: number }, void, void> {
  let position = lastEventId
  let state: ConnectionState | undefined
  let failures = 0
  const tell = (next: ConnectionState, error?: ArchipelError) => {
    if (next === state) return
    state = next
    onState?.(next, error)
  }

  async function* once(): AsyncGenerator<IslandEvent | { lost: number }, void, void> {
    const headers: Record<string, string> = position === undefined ? {} : { 'last-event-id': position }
    const answer = await http.open(TABLE.events, { headers, signal })
    try {
      if (!answer.headers.get('content-type')?.startsWith('text/event-stream'))
        throw new ArchipelError('PROTOCOL', 'what answers there has no events')
      tell('open')
      for await (const event of serverSentEvents(answer.body)) {
        failures = 0
        if (event.id !== undefined) {
          position = event.id
          onId?.(event.id)
        }
        yield parse(event.data) as IslandEvent | { lost: number }
      }
    } catch (cause) {
      throw fromTransport(cause, signal)
    } finally {
      answer.end()
    }
    throw new ArchipelError('NOT_RUNNING', 'the island stopped')
  }

  while (true) {
    try {
      yield* once()
    } catch (cause) {
      const error = toArchipelError(cause)
      if (signal?.aborted || http.closed.aborted || !PASSING.has(error.code)) throw error
      tell('lost', error)
      if (!reconnect) throw error
    }
    const either = signal === undefined ? http.closed : AbortSignal.any([signal, http.closed])
    await pause(jittered(Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures, 10))), either, online)
    failures++
  }
}
