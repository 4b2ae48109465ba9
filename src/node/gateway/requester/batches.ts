import { logPage } from '../../../protocols/livy/log-page.ts'
import type { LivyBatch, LivyBatchRequest, LivyLog } from '../../../protocols/livy/objects.ts'
import { asking, demand, heldWhile, known, mayView, type Who } from './access.ts'
import type { Book } from './book.ts'
import type { BatchEntry } from './entry.ts'
import type { SessionsComponents } from './sessions.ts'
import { shownBatch } from './shown.ts'
import { listPage } from './words.ts'

type Ref = number | string

/** Livy's batches, as the endpoint needs them. */
export function livyBatches(
  init: { holdMs: number },
  components: Pick<SessionsComponents, 'book' | 'peers' | 'nameOf' | 'now'>,
) {
  const { nameOf, now } = components
  const book: Book = components.book
  const { peers } = components
  const ask = asking(peers, nameOf)

  function get(ref: Ref): BatchEntry {
    const entry = book.get('batch', ref)
    entry.used = now()
    return entry
  }

  function own(ref: Ref, who: Who): BatchEntry {
    const entry = get(ref)
    demand(entry, who)
    return entry
  }

  function view(entry: BatchEntry, who: Who): LivyBatch {
    const batch = shownBatch(entry.record, nameOf)
    return mayView(entry, who) ? batch : { ...batch, log: [] }
  }

  /** While it is what it was. */
  async function changed(entry: BatchEntry, who: Who): Promise<void> {
    await known(entry, peers, who)
    const before = entry.state
    await heldWhile(entry, () => !entry.over && entry.state === before, init.holdMs, who)
  }

  return {
    async list(range: { from: number; size: number }, who: Who) {
      const all = book.all('batch')
      return { from: range.from, total: all.length, sessions: listPage(all, range).map((entry) => view(entry, who)) }
    },
    async create(request: LivyBatchRequest, who: Who): Promise<LivyBatch> {
      return view(await book.create({ type: 'batch', request }, who), who)
    },
    async show(ref: Ref, who: Who): Promise<LivyBatch> {
      const entry = get(ref)
      await changed(entry, who)
      return view(entry, who)
    },
    async state(ref: Ref, who: Who) {
      const entry = get(ref)
      await changed(entry, who)
      return { id: entry.record.id, state: entry.state }
    },
    async log(ref: Ref, range: { from?: number; size?: number }, who: Who): Promise<LivyLog> {
      const entry = own(ref, who)
      const { id, given, last } = entry.record
      const told = () => logPage(id, last?.log ?? [], range)
      if (given === true || entry.lines.length > 0) return told()
      return { ...(await ask.orTold(entry, (line, key) => line.log(key, range), told, who)), id }
    },
    async delete(ref: Ref, who: Who): Promise<void> {
      await book.remove(own(ref, who))
    },
  }
}
