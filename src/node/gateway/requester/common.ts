import { logPage } from '../../../protocols/livy/log-page.ts'
import type { LivyLog } from '../../../protocols/livy/objects.ts'
import { asking, demand, mayView, type Who } from './access.ts'
import type { Book } from './book.ts'
import type { BatchEntry, SessionEntry } from './entry.ts'
import type { Peers } from './peers.ts'
import { listPage } from './words.ts'

/** An id, or a name. */
export type Ref = number | string
/** Of a list or a log. */
export type Range = { from?: number; size?: number }

export interface CommonInit<E, V> {
  find(ref: Ref): E
  all(): E[]
  shown(entry: E): V
}

export interface CommonComponents {
  book: Book
  peers: Peers
  nameOf(island: string): string
  now(): number
}

/** What sessions and batches have in common. */
export function commonCalls<E extends SessionEntry | BatchEntry, V extends { log: string[] }>(
  { find, all, shown }: CommonInit<E, V>,
  { book, peers, nameOf, now }: CommonComponents,
) {
  const ask = asking(peers, nameOf)

  function get(ref: Ref): E {
    const entry = find(ref)
    entry.used = now()
    return entry
  }

  /** @throws `LivyRefusal` 403 */
  function own(ref: Ref, who: Who): E {
    const entry = get(ref)
    demand(entry, who)
    return entry
  }

  /** The log is for those who may use it. */
  function view(entry: E, who: Who): V {
    return mayView(entry, who) ? shown(entry) : { ...shown(entry), log: [] }
  }

  return {
    ask,
    get,
    own,
    view,
    calls: {
      async list(range: { from: number; size: number }, who: Who) {
        const entries = all()
        const sessions = listPage(entries, range).map((entry) => view(entry, who))
        return { from: range.from, total: entries.length, sessions }
      },
      async log(ref: Ref, range: Range, who: Who): Promise<LivyLog> {
        const entry = own(ref, who)
        const { id, given } = entry.record
        const told = () => logPage(id, entry.record.last?.log ?? [], range)
        if (given === true || entry.lines.length > 0) return told()
        return { ...(await ask.orTold(entry, (line, key) => line.log(key, range), told, who)), id }
      },
      async delete(ref: Ref, who: Who): Promise<void> {
        await book.remove(own(ref, who))
      },
    },
  }
}
