/**
 * One stream of events keeps the page up to date. While it is broken the page says so, and tries again by itself;
 * what it may have missed is asked for anew (`epoch`).
 */
import { effect, signal, untracked } from '@preact/signals'
import { toArchipelError } from '../../../protocols/model/errors.ts'
import type { IslandEvent } from '../../../protocols/model/views.ts'
import { client } from './client.ts'
import { session, signedOut } from './session.ts'

export type Connection =
  | { state: 'connecting' | 'live' }
  /** `retryAt` in milliseconds since 1970. */
  | { state: 'lost'; since: number; retryAt: number }

export const connection = signal<Connection>({ state: 'connecting' })
/** Grows whenever everything that is shown may be out of date. */
export const epoch = signal(0)

/** Milliseconds until the first new try, doubled to the last. */
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 10_000

type Listener = (event: IslandEvent) => void
const listeners = new Set<Listener>()
let wake = () => {}

/** @returns the function that ends it */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function retryNow(): void {
  wake()
}

function follow(signedIn: AbortSignal): void {
  let lastId: string | undefined
  let wait = FIRST_RETRY_MS
  let since = 0

  function onOpen(): void {
    // After a gap everything is asked for again, whatever the stream makes up for.
    if (since > 0) epoch.value++
    wait = FIRST_RETRY_MS
    since = 0
    connection.value = { state: 'live' }
  }

  async function once(): Promise<void> {
    const events = client().events({
      signal: signedIn,
      lastEventId: lastId,
      onId: (id) => {
        lastId = id
      },
      onState: (state) => state === 'open' && onOpen(),
      // Here, so that the page can say when it is tried again, and its user can have it now.
      reconnect: false,
    })
    for await (const event of events) {
      if ('lost' in event) epoch.value++
      else for (const listener of listeners) listener(event)
    }
  }

  async function loop(): Promise<void> {
    while (!signedIn.aborted) {
      const error = await once().then(
        () => undefined,
        (cause) => toArchipelError(cause),
      )
      if (signedIn.aborted) return
      if (error !== undefined && ['UNAUTHENTICATED', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'].includes(error.code))
        return signedOut(error)
      since ||= Date.now()
      connection.value = { state: 'lost', since, retryAt: Date.now() + wait }
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      const timer = setTimeout(resolve, wait * (0.8 + 0.4 * Math.random()))
      await promise
      clearTimeout(timer)
      wait = Math.min(MAX_RETRY_MS, wait * 2)
    }
  }

  void loop()
}

export function startConnection(): void {
  // The stream may have outlived the outage; single answers may not.
  addEventListener('online', () => {
    epoch.value++
    retryNow()
  })
  effect(() => {
    if (session.value.state !== 'in') return
    const leaving = new AbortController()
    untracked(() => {
      connection.value = { state: 'connecting' }
      follow(leaving.signal)
    })
    return () => leaving.abort()
  })
}
