import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { unreadable } from '../files/unreadable.ts'

/** A file read from its beginning to its end, with skips. */
export interface ForwardReader {
  /** Bytes passed so far. */
  readonly position: number
  /** The next `length` bytes, fewer at the end of the file. */
  take(length: number): Promise<Buffer>
  /** Passes over bytes. Returns how many there were. */
  skip(length: number): Promise<number>
  close(): Promise<void>
}

const CHUNK_BYTES = 1024 * 1024

/** Opens a file, decompressing it when it is gzip. Skips are seeks in a plain file. @throws UNREADABLE */
export async function openForward(path: string, signal?: AbortSignal): Promise<ForwardReader> {
  const handle = await open(path).catch(refuse)
  try {
    const magic = Buffer.alloc(2)
    await handle.read(magic, 0, 2, 0)
    const { size } = await handle.stat()
    if (magic[0] !== 0x1f || magic[1] !== 0x8b) return plainReader(handle, size, signal)
  } catch (error) {
    await handle.close()
    throw refuse(error)
  }
  await handle.close()
  return gunzipReader(path, signal)
}

function refuse(error: unknown): never {
  throw unreadable('the file', error)
}

function plainReader(handle: FileHandle, size: number, signal?: AbortSignal): ForwardReader {
  let position = 0
  return {
    get position() {
      return position
    },
    async take(length) {
      signal?.throwIfAborted()
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - position)))
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position).catch(refuse)
      position += bytesRead
      return buffer.subarray(0, bytesRead)
    },
    async skip(length) {
      const passed = Math.min(length, size - position)
      position += passed
      return passed
    },
    close: () => handle.close(),
  }
}

/** What is unpacked to pass over data is bounded: a small file can unpack to anything. */
const MAX_UNPACKED_BYTES = 16 * 1024 ** 3

function gunzipReader(path: string, signal?: AbortSignal): ForwardReader {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES })
  file.on('error', (error) => unpacked.destroy(error))
  const chunks = file.pipe(unpacked)[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let rest: Buffer = Buffer.alloc(0)
  let position = 0

  async function more(): Promise<boolean> {
    signal?.throwIfAborted()
    if (position > MAX_UNPACKED_BYTES)
      throw new ArchipelError('UNREADABLE', `the file unpacks to more than ${MAX_UNPACKED_BYTES} bytes`)
    try {
      const next = await chunks.next()
      if (next.done) return false
      rest = next.value
      return true
    } catch (error) {
      throw new ArchipelError('UNREADABLE', 'its gzip data are broken', { cause: error })
    }
  }

  return {
    get position() {
      return position
    },
    async take(length) {
      const parts: Buffer[] = []
      let missing = length
      while (missing > 0 && (rest.length > 0 || (await more()))) {
        const part = rest.subarray(0, missing)
        rest = rest.subarray(part.length)
        missing -= part.length
        position += part.length
        parts.push(part)
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    },
    async skip(length) {
      let missing = length
      while (missing > 0 && (rest.length > 0 || (await more()))) {
        const passed = Math.min(missing, rest.length)
        rest = rest.subarray(passed)
        missing -= passed
        position += passed
      }
      return length - missing
    },
    async close() {
      file.destroy()
      unpacked.destroy()
    },
  }
}
