import type { LivyBatch, LivyBatchRequest } from '../../../protocols/livy/objects.ts'
import { heldWhile, known, type Who } from './access.ts'
import type { Book } from './book.ts'
import { type CommonComponents, commonCalls, type Ref } from './common.ts'
import type { BatchEntry } from './entry.ts'
import { shownBatch } from './shown.ts'

/** Livy's batches, as the endpoint needs them. */
export function livyBatches(init: { holdMs: number }, components: CommonComponents) {
  const { peers, nameOf } = components
  const book: Book = components.book
  const { get, view, calls } = commonCalls(
    {
      find: (ref) => book.get('batch', ref),
      all: () => book.all('batch'),
      shown: (entry) => shownBatch(entry.record, nameOf),
    },
    components,
  )

  /** While it is what it was. */
  async function changed(entry: BatchEntry, who: Who): Promise<void> {
    await known(entry, peers, who)
    const before = entry.state
    await heldWhile(entry, () => !entry.over && entry.state === before, init.holdMs, who)
  }

  return {
    ...calls,
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
  }
}
