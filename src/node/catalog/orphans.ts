import { createHash } from 'node:crypto'
import { contentPosition, decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { MEMBER_KIND } from '../../protocols/record/member-facts.ts'
import { comparePositions, type Position } from '../../protocols/record/position.ts'
import { covers } from './coverage.ts'
import { MAX_ORPHANS } from './limits.ts'
import type { LogStore, StoreChange } from './port.ts'
import type { LogState } from './table.ts'

interface Orphan extends Position {
  kind: string
  id: string
  content: Position
  /** Kept in memory for member records only: they count for membership until the origin has them back. */
  record: SignedRecord | undefined
}

/**
 * Records that were accepted once and that their origin's newest head no longer knows: it lost its store and started
 * again from less. Kept and passed on until the origin has them back, so that what reached one island is not lost.
 */
export class Orphans {
  readonly #store: LogStore
  readonly #origins = new Map<string, Map<string, Orphan>>()

  constructor(store: LogStore) {
    this.#store = store
  }

  async load(): Promise<void> {
    for await (const bytes of this.#store.orphans()) this.remember(decodeRecord(bytes))
  }

  get count(): number {
    let n = 0
    for (const orphans of this.#origins.values()) n += orphans.size
    return n
  }

  has(origin: string): boolean {
    return this.#origins.has(origin)
  }

  origins(): string[] {
    return [...this.#origins.keys()].sort()
  }

  /** 8 bytes that are the same where the same records are kept. */
  digest(origin: string): Uint8Array {
    const names = [...(this.#origins.get(origin)?.keys() ?? [])].sort()
    return new Uint8Array(createHash('sha256').update(names.join(' ')).digest().subarray(0, 8))
  }

  /** Those that count for membership. */
  *memberRecords(): IterableIterator<SignedRecord> {
    for (const orphans of this.#origins.values()) {
      for (const { record } of orphans.values()) if (record !== undefined) yield record
    }
  }

  /** What has to be written to keep these; `remember` follows the commit. Those above the bound are left out. */
  changesToKeep(origin: string, records: SignedRecord[]): StoreChange[] {
    const known = this.#origins.get(origin)
    const room = MAX_ORPHANS - (known?.size ?? 0)
    return records
      .filter((r) => known?.has(name(r)) !== true)
      .slice(0, Math.max(0, room))
      .map(({ epoch, seq, bytes }) => ({ type: 'orphan', log: origin, position: { epoch, seq }, bytes }))
  }

  remember(record: SignedRecord): void {
    const orphans = this.#origins.get(record.origin) ?? new Map<string, Orphan>()
    this.#origins.set(record.origin, orphans)
    const { epoch, seq, kind, id } = record
    const content = contentPosition(record)
    orphans.set(name(record), {
      epoch,
      seq,
      kind,
      id,
      content,
      record: kind === MEMBER_KIND ? record : undefined,
    })
  }

  forget(origin: string, position: Position): void {
    const orphans = this.#origins.get(origin)
    orphans?.delete(name(position))
    if (orphans?.size === 0) this.#origins.delete(origin)
  }

  /** Which of these the log at this state still lacks. */
  async lacking<T extends { kind: string; id: string; content: Position } & Position>(
    state: LogState,
    orphans: T[],
  ): Promise<T[]> {
    const open = orphans.filter((o) => !covers(state.head, state.lives, o))
    const current = await this.#store.current(state.origin, state.generation, open)
    return open.filter((o, i) => {
      const bytes = current[i]
      const record = bytes && decodeRecord(bytes)
      // A withdrawal of what is not there counts, too: it keeps an older record of that name from coming back.
      return record === undefined || comparePositions(contentPosition(record), o.content) < 0
    })
  }

  /** Forgets what the log has taken back or replaced meanwhile. To be called after the log moved, under its lock. */
  async resolve(state: LogState): Promise<void> {
    const orphans = [...(this.#origins.get(state.origin)?.values() ?? [])]
    if (orphans.length === 0) return
    const lacking = new Set(await this.lacking(state, orphans))
    await this.#remove(
      state.origin,
      orphans.filter((o) => !lacking.has(o)),
    )
  }

  /** All of a log, e.g. of one that was dropped. */
  async clear(origin: string): Promise<void> {
    await this.#remove(origin, [...(this.#origins.get(origin)?.values() ?? [])])
  }

  async #remove(origin: string, gone: Orphan[]): Promise<void> {
    if (gone.length === 0) return
    await this.#store.commit(
      gone.map(({ epoch, seq }) => ({ type: 'no-orphan', log: origin, position: { epoch, seq } })),
    )
    for (const orphan of gone) this.forget(origin, orphan)
  }
}

function name({ epoch, seq }: Position): string {
  return `${epoch}/${seq}`
}

/** A record as `lacking` compares it. */
export function asOrphan(record: SignedRecord) {
  const { epoch, seq, kind, id } = record
  return { epoch, seq, kind, id, content: contentPosition(record), record }
}
