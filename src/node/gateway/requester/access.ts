/** Who may do what with an entry, and what may be waited for. */

import { LivyRefusal, notFound } from '../../../protocols/livy/refusal.ts'
import type { Line } from '../calls.ts'
import type { Entry } from './entry.ts'
import type { Peers } from './peers.ts'
import { noRight } from './words.ts'

/** Whose call it is; as the endpoint's callers. */
export interface Who {
  user: string
  admin: boolean
  signal: AbortSignal
}

/** Milliseconds that a short loss of the other side may take before a call fails. */
const PATIENCE_MS = 20_000
/** Milliseconds that a call waits for what an entry is, after a restart of this island. */
const KNOWN_MS = 10_000

export const mayView = (entry: Entry, who: Who): boolean => who.admin || entry.record.owner === who.user

/** @throws `LivyRefusal` 403 */
export function demand(entry: Entry, who: Who): void {
  if (!mayView(entry, who)) throw noRight()
}

/** Until its island has told what it is, as far as that is to be had. */
export async function known(entry: Entry, who: Who): Promise<void> {
  await entry.changes.until(() => entry.attached || entry.over, { ms: KNOWN_MS, signal: who.signal })
}

/** Until it changes or the time to hold a call is over. */
export async function heldWhile(entry: Entry, waits: () => boolean, holdMs: number, who: Who): Promise<void> {
  await entry.changes.until(() => !waits(), { ms: holdMs, signal: who.signal })
}

export function asking(peers: Peers) {
  const ask = async <T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, who: Who, repeat: boolean) => {
    const { island, key, id } = entry.record
    try {
      return await peers.ask(island, (line) => work(line, key), { waitMs: PATIENCE_MS, repeat, signal: who.signal })
    } catch (error) {
      // There it has another number.
      if (error instanceof LivyRefusal && error.status === 404 && /^Session '.*' not found\.$/.test(error.message))
        throw notFound(id)
      throw error
    }
  }
  return {
    /** What is the same when it is asked twice. */
    again: <T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, who: Who): Promise<T> =>
      ask(entry, work, who, true),
    /** What must not be done twice. */
    once: <T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, who: Who): Promise<T> =>
      ask(entry, work, who, false),
  }
}
