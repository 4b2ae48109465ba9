import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { FILE_MODE, isMissing, writeAll } from './disk.ts'

/** A log that is being written, readable meanwhile. */
export interface LogFile {
  /** Bytes so far. */
  readonly total: number
  /** Never throws. Beyond the limit it is cut, and the last line says so. */
  append(chunk: Uint8Array): void
  read(offset: number, limit: number): Promise<Buffer>
  /** All that was appended is on the disk, or the disk did not take it. */
  flush(options: { sync: boolean }): Promise<void>
  /** Flushes and closes; never throws. */
  close(): Promise<void>
}

export interface LogFileInit {
  path: string
  /** Bytes of the log; the note that it was cut comes on top. */
  maxBytes: number
  makeFolder: () => Promise<void>
  /** Asked before bytes go to the disk. */
  take: (bytes: number) => Promise<void>
  onError: (error: unknown) => void
}

const cutNote = (maxBytes: number) => Buffer.from(`\n[the log was cut here: it had more than ${maxBytes} bytes]\n`)

/**
 * What of a chunk may still be added to a log of `size` bytes, with the note where it is cut. A log that reached the limit
 * has its note already, so that nothing has to be remembered.
 */
export function fitToLog(chunk: Uint8Array, size: number, maxBytes: number): Uint8Array {
  if (size + chunk.length <= maxBytes) return chunk
  if (size > maxBytes) return new Uint8Array(0)
  let end = maxBytes - size
  // Not within a character.
  while (end > 0 && end > maxBytes - size - 4 && (chunk[end]! & 0xc0) === 0x80) end--
  // A byte more than the limit always marks it as cut.
  const note = cutNote(maxBytes)
  return Buffer.concat([chunk.subarray(0, end), Buffer.alloc(maxBytes - size - end, 0x0a), note])
}

/** Continues the file that is there. */
export async function logFile(init: LogFileInit): Promise<LogFile> {
  const { path, maxBytes } = init
  let file: FileHandle | undefined
  let broken = false
  let written = await sizeOf(path)
  let flying: Uint8Array[] = []
  let waiting: Uint8Array[] = []
  let total = written
  let draining: Promise<void> | undefined

  async function drain(): Promise<void> {
    while (waiting.length > 0 && !broken) {
      flying = waiting
      waiting = []
      try {
        const bytes = Buffer.concat(flying)
        await init.take(bytes.length)
        if (file === undefined) {
          await init.makeFolder()
          file = await open(path, constants.O_CREAT | constants.O_WRONLY, FILE_MODE)
        }
        await writeAll(file, bytes, written)
        flying = []
        written += bytes.length
      } catch (error) {
        broken = true
        flying = []
        waiting = []
        total = written
        init.onError(error)
      }
    }
    draining = undefined
  }

  async function flush({ sync }: { sync: boolean }): Promise<void> {
    while (draining !== undefined) await draining
    if (sync && file !== undefined && !broken) {
      await file.datasync().catch((error) => {
        broken = true
        init.onError(error)
      })
    }
  }

  return {
    get total() {
      return total
    },
    append(chunk) {
      if (broken || chunk.length === 0) return
      const fitting = fitToLog(chunk, total, maxBytes)
      if (fitting.length === 0) return
      total += fitting.length
      // The caller may use its buffer again.
      waiting.push(Uint8Array.from(fitting))
      draining ??= drain()
    },
    async read(offset, limit) {
      const end = Math.min(total, offset + limit)
      if (end <= offset) return Buffer.alloc(0)
      const border = written
      const memory = end > border ? Buffer.concat([...flying, ...waiting]) : Buffer.alloc(0)
      const fromFile = offset < border ? await readRange(path, offset, Math.min(end, border) - offset) : Buffer.alloc(0)
      if (end <= border) return fromFile
      return Buffer.concat([fromFile, memory.subarray(Math.max(0, offset - border), end - border)])
    },
    flush,
    async close() {
      await flush({ sync: false })
      await file?.close().catch(() => {})
      file = undefined
    },
  }
}

export async function sizeOf(path: string): Promise<number> {
  const file = await open(path, constants.O_RDONLY).catch((error) => {
    if (isMissing(error)) return undefined
    throw error
  })
  if (file === undefined) return 0
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

/** Fewer bytes where the file ends earlier; none where it is missing. */
export async function readRange(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY).catch((error) => {
    if (isMissing(error)) return undefined
    throw error
  })
  if (file === undefined) return Buffer.alloc(0)
  try {
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}
