import type { Position } from '../../protocols/record/position.ts'

/** Keys of the catalog's buckets, see `buckets.ts`. */

export function logPrefix(log: string): Buffer {
  return Buffer.from(`${log}\0`)
}

export function generationKey(log: string, generation: number): Buffer {
  const key = Buffer.allocUnsafe(Buffer.byteLength(log) + 5)
  const at = key.write(log)
  key[at] = 0
  key.writeUInt32BE(generation, at + 1)
  return key
}

export function recordKey(log: string, generation: number, position: Position): Buffer {
  const key = Buffer.allocUnsafe(Buffer.byteLength(log) + 21)
  const at = key.write(log)
  key[at] = 0
  key.writeUInt32BE(generation, at + 1)
  writePosition(key, at + 5, position)
  return key
}

export function orphanKey(log: string, position: Position): Buffer {
  const key = Buffer.allocUnsafe(Buffer.byteLength(log) + 17)
  const at = key.write(log)
  key[at] = 0
  writePosition(key, at + 1, position)
  return key
}

export function currentKey(log: string, generation: number, kind: string, id: string): Buffer {
  return Buffer.concat([generationKey(log, generation), Buffer.from(`${kind}\0${id}`)])
}

/** The first key after all that begin with `prefix`. */
export function after(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i] === 0xff) continue
    end[i] = end[i]! + 1
    return end.subarray(0, i + 1)
  }
  return Buffer.concat([prefix, Buffer.from([0xff])])
}

/** Log and generation of a key of `records` or `current`. */
export function readGeneration(key: Uint8Array): { log: string; generation: number } {
  const end = key.indexOf(0)
  const buffer = Buffer.from(key.buffer, key.byteOffset, key.length)
  return { log: buffer.toString('utf8', 0, end), generation: buffer.readUInt32BE(end + 1) }
}

export function encodePointer(position: Position, withdrawn: boolean): Buffer {
  const value = Buffer.allocUnsafe(17)
  writePosition(value, 0, position)
  value[16] = withdrawn ? 1 : 0
  return value
}

export function decodePointer(value: Uint8Array): { position: Position; withdrawn: boolean } {
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  const epoch = view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4)
  const seq = view.getUint32(8) * 0x1_0000_0000 + view.getUint32(12)
  return { position: { epoch, seq }, withdrawn: value[16] === 1 }
}

function writePosition(target: Buffer, at: number, { epoch, seq }: Position): void {
  target.writeUInt32BE(Math.floor(epoch / 0x1_0000_0000), at)
  target.writeUInt32BE(epoch >>> 0, at + 4)
  target.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), at + 8)
  target.writeUInt32BE(seq >>> 0, at + 12)
}
