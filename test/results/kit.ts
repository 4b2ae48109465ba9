import { createHash } from 'node:crypto'
import type { SpoolPort } from '../../src/node/results/port.ts'
import { type SpoolInit, spool } from '../../src/node/results/spool.ts'
import type { Column } from '../../src/protocols/model/dataset.ts'
import type { Cell, ResultMeta } from '../../src/protocols/model/task.ts'

export const KEY = { task: `task-isl${'a'.repeat(32)}-m1x2y3z4`, attempt: 1 }
export const silent = { info: () => {}, warn: () => {}, debug: () => {}, error: () => {} }

export function spoolIn(dir: string, init: Partial<SpoolInit> = {}): SpoolPort {
  return spool({ dir, reserveBytes: 0, ...init }, { logger: silent })
}

export const COLUMNS: Column[] = [
  { name: 'n', type: 'BIGINT' },
  { name: 'text', type: 'VARCHAR' },
]

export const rowOf = (n: number): Cell[] => [n, `row ${n}: ä "quoted" \n 🦆`]

/** A finished table of `count` rows. */
export async function writeTable(port: SpoolPort, count: number, key = KEY): Promise<ResultMeta> {
  const writer = await port.write(key)
  await writer.table(COLUMNS)
  for (let from = 0; from < count; from += 777)
    await writer.rows(Array.from({ length: Math.min(777, count - from) }, (_, i) => rowOf(from + i)))
  return await writer.finish(5)
}

export async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export async function logText(port: SpoolPort, key = KEY): Promise<string> {
  const { bytes, total } = await port.log(key, { offset: 0, limit: 1e9 })
  if (bytes.length !== total) throw new Error('the log is not whole')
  return Buffer.from(bytes).toString()
}

export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
