import { parseUntrusted } from '../../protocols/model/parse.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import { type Lives, lives, MEMBER_KIND } from '../../protocols/record/member-facts.ts'
import type { Position } from '../../protocols/record/position.ts'

/** Earlier lives named one by one; those before are taken as contained. */
export const MAX_LIVES = 64

export function livesRecordName(origin: string): { kind: string; id: string } {
  return { kind: MEMBER_KIND, id: `lives/${origin}` }
}

export function readLives(record: SignedRecord | undefined): Lives | null {
  if (record === undefined || record.withdrawn === true) return null
  const parsed = parseUntrusted(lives, record.body)
  return parsed.success ? parsed.data : null
}

/**
 * Whether a log at this head says that it has taken the position into account: what stood there is live, or was
 * replaced or withdrawn on purpose. A log without a word about its earlier lives has none.
 */
export function covers(head: Position, known: Lives | null, position: Position): boolean {
  if (position.epoch === head.epoch) return position.seq <= head.seq
  if (position.epoch > head.epoch) return false
  if (known === null || position.epoch < known.floor) return true
  return known.lives.some(([epoch, seq]) => epoch === position.epoch && position.seq <= seq)
}

/** What the first record of the next life says: all of the lives before, and how far the last one went. */
export function nextLives(head: Position | undefined, known: Lives | null): Lives {
  const all = new Map(known?.lives ?? [])
  if (head !== undefined) all.set(head.epoch, head.seq)
  const sorted = [...all].sort((a, b) => a[0] - b[0])
  const kept = sorted.slice(-MAX_LIVES)
  const floor = kept.length < sorted.length ? kept[0]![0] : (known?.floor ?? 0)
  return { type: 'lives', floor, lives: kept }
}
