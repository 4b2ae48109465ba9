import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell } from '../../../protocols/model/task.ts'

const NEWLINE = 0x0a
const ENTRY_BYTES = 8

/** Offsets of every thousandth row, 8 bytes each, little-endian. */
export function encodeIndex(offsets: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(offsets.length * ENTRY_BYTES)
  for (const [i, offset] of offsets.entries()) bytes.writeBigUInt64LE(BigInt(offset), i * ENTRY_BYTES)
  return bytes
}

/** Where the entry of a row is in the index. */
export function indexPosition(row: number, every: number): { offset: number; length: number } {
  return { offset: Math.floor(row / every) * ENTRY_BYTES, length: ENTRY_BYTES }
}

export function decodeEntry(bytes: Buffer): number | undefined {
  return bytes.length < ENTRY_BYTES ? undefined : Number(bytes.readBigUInt64LE(0))
}

/** Finds the rows in bytes that pass by, for the index of a table that came from elsewhere. */
export interface RowCounter {
  readonly rows: number
  readonly offsets: number[]
  /** Whether the last row is whole. */
  readonly whole: boolean
  push(chunk: Uint8Array): void
}

export function rowCounter(every: number): RowCounter {
  const offsets: number[] = []
  let rows = 0
  let position = 0
  let whole = true
  return {
    get rows() {
      return rows
    },
    offsets,
    get whole() {
      return whole
    },
    push(chunk) {
      if (chunk.length === 0) return
      if (position === 0) offsets.push(0)
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
        rows++
        if (rows % every === 0) offsets.push(position + at + 1)
      }
      position += chunk.length
      whole = chunk[chunk.length - 1] === NEWLINE
    },
  }
}

/** Lines of a stream of bytes, without their ends. @throws RESULT_LIMIT for one longer than `maxBytes` */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Buffer[], void, undefined> {
  let rest: Uint8Array[] = []
  let restBytes = 0
  for await (const chunk of source) {
    const lines: Buffer[] = []
    let start = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, at)
      lines.push(
        restBytes === 0 ? Buffer.from(part.buffer, part.byteOffset, part.length) : Buffer.concat([...rest, part]),
      )
      rest = []
      restBytes = 0
      start = at + 1
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start))
      restBytes += chunk.length - start
    }
    if (restBytes > maxBytes)
      throw new ArchipelError('RESULT_LIMIT', `a row of the result has more than ${maxBytes} bytes`)
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) yield [Buffer.concat(rest)]
}

/** A row as it is stored. @throws PROTOCOL when it is not one: a table may come from another island */
export function parseRow(line: Buffer, width: number): Cell[] {
  let row: unknown
  try {
    row = JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw new ArchipelError('PROTOCOL', 'a row of the table is not JSON', { cause })
  }
  if (!Array.isArray(row) || row.length !== width)
    throw new ArchipelError('PROTOCOL', `a row of the table has not ${width} cells`)
  return row as Cell[]
}
