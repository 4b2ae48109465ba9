/** Who may do what with an entry, and what may be waited for. */

import { LivyRefusal, notFound } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Line } from '../calls.ts'
import type { Entry } from './entry.ts'
import type { Peers } from './peers.ts'
import { atIsland, noRight, unreached } from './words.ts'

/** Whose call it is; as the endpoint's callers. */
export interface Who {
  user: string
  admin: boolean
  signal: AbortSignal
}

/** Milliseconds that a short loss of the other side may take before a call fails. */
const PATIENCE_MS = 5_000
/** The same for what can be answered without it. */
const LOOK_MS = 2_000
/** Milliseconds that a call waits for what an entry is, after a restart of this island. */
const KNOWN_MS = 10_000

export const mayView = (entry: Entry, who: Who): boolean => who.admin || entry.record.owner === who.user

/** @throws `LivyRefusal` 403 */
export function demand(entry: Entry, who: Who): void {
  if (!mayView(entry, who)) throw noRight()
}

/** Until its island has told what it is, as far as that is to be had: one that was tried in vain is not waited for. */
export async function known(entry: Entry, peers: Pick<Peers, 'failed'>, who: Who): Promise<void> {
  if (peers.failed(entry.record.island)) return
  await entry.changes.until(() => entry.attached || entry.over, { ms: KNOWN_MS, signal: who.signal })
}

/** Until it changes or the time to hold a call is over. */
export async function heldWhile(entry: Entry, waits: () => boolean, holdMs: number, who: Who): Promise<void> {
  await entry.changes.until(() => !waits(), { ms: holdMs, signal: who.signal })
}

const WAYLESS = new Set(['UNREACHABLE', 'DEADLINE'])

export function asking(peers: Peers, nameOf: (island: string) => string) {
  const ask = async <T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, who: Who, repeat: boolean) => {
    const { island, key, id } = entry.record
    try {
      return await peers.ask(island, (line) => work(line, key), { waitMs: PATIENCE_MS, repeat, signal: who.signal })
    } catch (error) {
      // There it has another number.
      if (error instanceof LivyRefusal && error.status === 404 && /^Session '.*' not found\.$/.test(error.message))
        throw notFound(id)
      if (!(error instanceof ArchipelError)) throw error
      // Livy's clients have no words for a way between islands.
      throw WAYLESS.has(error.code) ? unreached() : atIsland(error, peers.isSelf(island) ? undefined : nameOf(island))
    }
  }
  return {
    /** Of what is asked for its log: the last page that was told is better than nothing. */
    async orTold<T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, told: () => T, who: Who): Promise<T> {
      const { island, key } = entry.record
      if (peers.failed(island)) return told()
      try {
        const options = { waitMs: LOOK_MS, repeat: true, signal: who.signal }
        return await peers.ask(island, (line) => work(line, key), options)
      } catch (error) {
        if (error instanceof ArchipelError && WAYLESS.has(error.code)) return told()
        throw error instanceof ArchipelError && !peers.isSelf(island) ? atIsland(error, nameOf(island)) : error
      }
    },
    /** What is the same when it is asked twice. */
    again: <T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, who: Who): Promise<T> =>
      ask(entry, work, who, true),
    /** What must not be done twice. */
    once: <T>(entry: Entry, work: (line: Line, key: string) => Promise<T>, who: Who): Promise<T> =>
      ask(entry, work, who, false),
  }
}
