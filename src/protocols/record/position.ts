/**
 * Where a record stands in its origin's log. An epoch is one life of the origin's process: its number is never used
 * again; `seq` counts its records from 1. Both are safe integers.
 */
export interface Position {
  epoch: number
  seq: number
}

/** Negative when `a` is before `b`. No position at all is before everything. */
export function comparePositions(a: Position | undefined | null, b: Position | undefined | null): number {
  if (a == null || b == null) return (a == null ? 0 : 1) - (b == null ? 0 : 1)
  return a.epoch - b.epoch || a.seq - b.seq
}

export function isPosition(value: unknown): value is Position {
  const p = value as Position | null
  return typeof p === 'object' && p !== null && isCount(p.epoch) && p.epoch >= 1 && isCount(p.seq) && p.seq >= 1
}

/** A whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** `epoch/seq`, for messages and logs. */
export function formatPosition(p: Position | undefined | null): string {
  return p == null ? 'nothing' : `${p.epoch}/${p.seq}`
}
