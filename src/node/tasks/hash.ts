import { createHash } from 'node:crypto'

/** Hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** JSON with the keys in order: equal values are equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )
}
