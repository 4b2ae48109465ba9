import { decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { bodyProblem } from './kinds.ts'
import { CHANGES_AT_ONCE } from './limits.ts'
import type { CatalogChange, LogStore } from './port.ts'

type Emit = (changes: CatalogChange[]) => void

/** What a record means for those who look at the catalog: an unreadable body is as good as none. */
export function changeOf(record: SignedRecord): CatalogChange {
  const { kind, id, origin } = record
  if (record.withdrawn === true || bodyProblem(record) !== undefined) return { type: 'withdrawn', kind, id, origin }
  return { type: 'put', record }
}

export function tell(emit: Emit, changes: CatalogChange[]): void {
  for (let i = 0; i < changes.length; i += CHANGES_AT_ONCE) emit(changes.slice(i, i + CHANGES_AT_ONCE))
}

/** Tells the difference between two generations of a log; `before` is null when there was none. */
export async function tellDifference(
  store: LogStore,
  emit: Emit,
  log: string,
  before: number | null,
  generation: number,
): Promise<void> {
  for await (const chunk of store.range(log, generation, null)) {
    const records = chunk.map((bytes) => decodeRecord(bytes)).filter((r) => r.withdrawn !== true)
    const old = before === null ? [] : await store.current(log, before, records)
    const fresh = records.filter((r, i) => old[i] === undefined || Buffer.compare(old[i], r.bytes) !== 0)
    tell(emit, fresh.map(changeOf))
  }
  if (before === null) return
  for await (const chunk of store.range(log, before, null)) {
    const records = chunk.map((bytes) => decodeRecord(bytes)).filter((r) => r.withdrawn !== true)
    const now = await store.current(log, generation, records)
    const gone = records.filter((_, i) => now[i] === undefined || decodeRecord(now[i]).withdrawn === true)
    tell(
      emit,
      gone.map(({ kind, id, origin }) => ({ type: 'withdrawn', kind, id, origin })),
    )
  }
}
