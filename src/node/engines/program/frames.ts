/**
 * Frames of a program's driver: a 4-byte big-endian length, a byte that tells the kind (`J` JSON, `B` bytes), and what
 * the length leaves. A program may write to the pipe past its driver: nothing here trusts what is read.
 */
export type Frame = { message: unknown; bytes: number } | { raw: Buffer }

/** Small values can need twenty times their JSON in memory. */
const MAX_FRAME_BYTES = 4 * 1024 ** 2
const JSON_KIND = 'J'.charCodeAt(0)
const BYTES_KIND = 'B'.charCodeAt(0)

export function encode(kind: 'J' | 'B', body: string): Buffer {
  const bytes = Buffer.from(body, 'utf8')
  const head = Buffer.alloc(5)
  head.writeUInt32BE(bytes.length + 1)
  head.write(kind, 4, 'latin1')
  return Buffer.concat([head, bytes])
}

/** Ends with `undefined` where the bytes are no frames. */
export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame | undefined> {
  let held: Buffer[] = []
  let size = 0
  let wanted = -1
  for await (const chunk of source) {
    held.push(chunk)
    size += chunk.length
    if (wanted < 0 ? size < 4 : size < wanted) continue
    let all = held.length === 1 ? held[0]! : Buffer.concat(held)
    for (;;) {
      if (wanted < 0) {
        if (all.length < 4) break
        wanted = all.readUInt32BE(0)
        if (wanted < 1 || wanted > MAX_FRAME_BYTES) return yield undefined
        all = all.subarray(4)
      }
      if (all.length < wanted) break
      const frame = decode(all.subarray(0, wanted))
      all = all.subarray(wanted)
      wanted = -1
      yield frame
      if (frame === undefined) return
    }
    held = [all]
    size = all.length
  }
}

function decode(bytes: Buffer): Frame | undefined {
  if (bytes[0] === BYTES_KIND) return { raw: bytes.subarray(1) }
  if (bytes[0] !== JSON_KIND) return undefined
  try {
    return { message: JSON.parse(bytes.toString('utf8', 1)), bytes: bytes.length - 1 }
  } catch {
    return undefined
  }
}
