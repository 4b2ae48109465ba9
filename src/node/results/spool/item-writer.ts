import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { FILE_MODE, writeAll } from './disk.ts'

/** Bytes gathered before one write to a file. */
const BUFFER_BYTES = 256 * 1024

/** What all items of one result may keep in memory together. */
export interface MemoryBudget {
  left: number
}

export interface WrittenItem {
  bytes: number
  /** Hex. */
  sha256: string
  /** The bytes, where no file was needed. */
  inline: Buffer | undefined
}

/** One item on its way to the disk: in memory while all of them are small together, then in its file. */
export interface ItemWriter {
  readonly bytes: number
  write(chunk: Buffer): Promise<void>
  /** Durable when it resolves, but for what is `inline`. */
  end(): Promise<WrittenItem>
  /** Closes and takes the file away. */
  abort(): Promise<void>
}

export interface ItemWriterInit {
  path: string
  budget: MemoryBudget
  /** Asked before bytes go to the disk. */
  take: (bytes: number) => Promise<void>
  /** Before the first file. */
  makeFolder: () => Promise<void>
}

export function itemWriter({ path, budget, take, makeFolder }: ItemWriterInit): ItemWriter {
  const hash = createHash('sha256')
  let held: Buffer[] = []
  let heldBytes = 0
  let total = 0
  let onDisk = 0
  let file: FileHandle | undefined

  async function spill(): Promise<void> {
    if (heldBytes === 0) return
    await take(heldBytes)
    if (file === undefined) {
      budget.left += heldBytes
      await makeFolder()
      file = await open(path, constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC, FILE_MODE)
    }
    await writeAll(file, held.length === 1 ? held[0]! : Buffer.concat(held, heldBytes), onDisk)
    onDisk += heldBytes
    held = []
    heldBytes = 0
  }

  return {
    get bytes() {
      return total
    },
    async write(chunk) {
      hash.update(chunk)
      held.push(chunk)
      heldBytes += chunk.length
      total += chunk.length
      if (file !== undefined) {
        if (heldBytes >= BUFFER_BYTES) await spill()
      } else {
        budget.left -= chunk.length
        if (budget.left < 0) await spill()
      }
    },
    async end() {
      const sha256 = hash.digest('hex')
      if (file === undefined) return { bytes: total, sha256, inline: Buffer.concat(held, heldBytes) }
      await spill()
      await file.datasync()
      await file.close()
      file = undefined
      return { bytes: total, sha256, inline: undefined }
    },
    async abort() {
      held = []
      if (file === undefined) return
      await file.close().catch(() => {})
      file = undefined
      await rm(path, { force: true })
    },
  }
}
