/** Something asked for: there, being asked for (perhaps again), or failed. */
import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { connection, epoch } from './connection.ts'

export interface Loaded<T> {
  value: T | undefined
  error: ArchipelError | undefined
  busy: boolean
  again(): void
}

/** Milliseconds until a question that did not reach the island is asked again. */
const AGAIN_MS = 3000

/**
 * Asks when a key changes, and again when the connection is back; the question before is given up. What was there stays
 * while it is asked for again; with `stays` also what another key gave.
 */
export function useLoaded<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { stays = false }: { stays?: boolean } = {},
): Loaded<T> {
  const state = useSignal<Omit<Loaded<T>, 'again'> & { key: string }>({
    key,
    value: undefined,
    error: undefined,
    busy: true,
  })
  const running = useRef<AbortController | undefined>(undefined)
  const latest = useRef({ key, load })
  latest.current = { key, load }

  function again(): void {
    running.current?.abort()
    const { key, load } = latest.current
    const abort = new AbortController()
    running.current = abort
    const before = state.peek()
    state.value = { key, value: stays || before.key === key ? before.value : undefined, error: undefined, busy: true }
    load(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) state.value = { key, value, error: undefined, busy: false }
      },
      (cause) => {
        const error = toArchipelError(cause)
        if (abort.signal.aborted || error.code === 'CANCELLED') return
        state.value = { key, value: state.peek().value, error, busy: false }
        // Without a connection the next one asks again.
        if (error.code !== 'UNREACHABLE' || connection.peek().state !== 'live') return
        const timer = setTimeout(again, AGAIN_MS)
        abort.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
      },
    )
  }

  useEffect(() => again(), [key])
  useEffect(() => () => running.current?.abort(), [])
  const first = useRef(true)
  useSignalEffect(() => {
    void epoch.value
    if (!first.current) again()
    first.current = false
  })
  // A failure for want of a connection is tried again as soon as there is one.
  useSignalEffect(() => {
    if (connection.value.state === 'live' && state.peek().error?.code === 'UNREACHABLE') again()
  })
  const now = state.value
  return now.key === key || stays ? { ...now, again } : { value: undefined, error: undefined, busy: true, again }
}
