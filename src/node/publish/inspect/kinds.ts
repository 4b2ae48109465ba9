import { constants as flags } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { constants, gunzipSync } from 'node:zlib'
import type { DatasetFormat } from '../../../protocols/model/dataset.ts'
import { unreadable } from '../files/unreadable.ts'
import type { SourceFile } from '../port.ts'

/** Bytes that decide what a file is. */
const HEAD_BYTES = 64 * 1024

const SUFFIXES: [RegExp, DatasetFormat][] = [
  [/\.(csv|tsv|tab|psv)(\.gz)?$/i, 'csv'],
  [/\.(parquet|pq)$/i, 'parquet'],
  [/\.(jsonl|ndjson|json)(\.gz)?$/i, 'jsonl'],
  [/\.(fits|fit|fts|fz)(\.gz)?$/i, 'fits'],
]

/** What a file seems to be by its name, else by its first bytes. A text file of another name is plain. */
export async function kindOf(file: SourceFile): Promise<DatasetFormat> {
  for (const [suffix, format] of SUFFIXES) if (suffix.test(file.path)) return format
  const { bytes } = await readHead(file, 10)
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet'
  if (bytes.toString('latin1') === 'SIMPLE  = ') return 'fits'
  return 'files'
}

/** Whether a mistaken suffix is likely: `.json` is seldom JSON lines, so that failing to read it is no error. */
export function isGuess(file: SourceFile): boolean {
  return /\.json(\.gz)?$/i.test(file.path)
}

/** The first bytes of a file, decompressed where it is gzip by its first bytes. Never fails on broken gzip data. @throws UNREADABLE */
export async function readHead(file: SourceFile, length = HEAD_BYTES): Promise<{ bytes: Buffer; gzip: boolean }> {
  let handle: FileHandle | undefined
  try {
    const buffer = Buffer.alloc(length)
    let bytesRead: number
    try {
      handle = await open(file.local, flags.O_RDONLY | flags.O_NONBLOCK)
      bytesRead = (await handle.read(buffer, 0, length, 0)).bytesRead
    } catch (error) {
      throw unreadable(JSON.stringify(file.path), error)
    }
    const raw = buffer.subarray(0, bytesRead)
    if (raw[0] !== 0x1f || raw[1] !== 0x8b) return { bytes: raw, gzip: false }
    try {
      // A sync flush at the end: the data go on beyond what was read.
      const bytes = gunzipSync(raw, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 * 1024 * 1024 })
      return { bytes: bytes.subarray(0, length), gzip: true }
    } catch {
      return { bytes: Buffer.alloc(0), gzip: true }
    }
  } finally {
    await handle?.close()
  }
}

/** Why bytes are not the beginning of a text table, or undefined. */
export function notText(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'it is empty'
  if (bytes.includes(0)) return 'it is not text'
  // The last character may be cut.
  const end = bytes.length < 4 ? bytes.length : bytes.length - 3
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, end), { stream: true })
    return undefined
  } catch {
    return 'it is not UTF-8 text'
  }
}
