import { z } from 'zod'
import { column } from '../../../protocols/model/dataset.ts'
import type { Cell } from '../../../protocols/model/task.ts'

/** Codes that a driver may give; the daemon takes no other. */
const code = z.enum(['CODE_FAILED', 'MEMORY_LIMIT', 'DISK_LIMIT', 'RESULT_LIMIT', 'CANCELLED'])

/** What a driver says. Rows are looked at by hand: they are many. */
export const driverMessage = z.discriminatedUnion('is', [
  z.object({ is: z.literal('ready'), version: z.string().max(32) }),
  z.object({ is: z.literal('table'), columns: z.array(column).min(1).max(10_000) }),
  z.object({
    is: z.literal('rows'),
    rows: z.custom<Cell[][]>((rows) => Array.isArray(rows) && rows.every(Array.isArray)),
  }),
  z.object({ is: z.literal('cut') }),
  z.object({
    is: z.literal('item'),
    name: z.string().min(1).max(255),
    mediaType: z.string().regex(/^[\w.+-]{1,60}\/[\w.+-]{1,60}$/),
    bytes: z.int().nonnegative(),
  }),
  z.object({ is: z.literal('query'), sql: z.string(), maxRows: z.int().nonnegative() }),
  z.object({ is: z.literal('progress'), value: z.number().min(0).max(1) }),
  z.object({ is: z.literal('done') }),
  z.object({ is: z.literal('failed'), code, message: z.string() }),
])
export type DriverMessage = z.infer<typeof driverMessage>

/** The text of an R value: what R parses without any package. */
export function rText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'NaN'
  if (typeof value === 'string') return rString(value)
  if (Array.isArray(value)) return `list(${value.map(rText).join(', ')})`
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return `list(${entries.map(([name, each]) => `${rString(name)} = ${rText(each)}`).join(', ')})`
}

/** ASCII only; R has no strings with NUL in them. */
function rString(text: string): string {
  let out = ''
  for (const char of text.replaceAll('\0', '').toWellFormed()) {
    const point = char.codePointAt(0)!
    if (char === '"' || char === '\\') out += `\\${char}`
    else if (point >= 0x20 && point < 0x7f) out += char
    // One kind of escape only: R refuses a string that mixes them.
    else out += `\\U{${point.toString(16)}}`
  }
  return `"${out}"`
}
