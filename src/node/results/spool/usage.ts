import { ArchipelError } from '../../../protocols/model/errors.ts'
import { freeBytes } from './disk.ts'

/** Bytes between two looks at the free space. */
const LOOK_EVERY_BYTES = 16 * 1024 * 1024

/** What the spool holds, by attempt, against its bound and the free space of the disk. */
export interface Usage {
  readonly total: number
  /** Before bytes are written. @throws DISK_FULL */
  take(key: string, bytes: number): Promise<void>
  /** After they were taken away again. */
  give(key: string, bytes: number): void
  /** Of one attempt, all at once. */
  forget(key: string): void
  /** What is there already. */
  set(key: string, bytes: number): void
}

export function usage(init: { dir: string; totalBytes: number; reserveBytes: number }): Usage {
  const held = new Map<string, number>()
  let total = 0
  /** Nothing is known of the free space before the first look. */
  let sinceLook = LOOK_EVERY_BYTES

  const add = (key: string, bytes: number) => {
    held.set(key, (held.get(key) ?? 0) + bytes)
    total += bytes
  }

  return {
    get total() {
      return total
    },
    async take(key, bytes) {
      if (total + bytes > init.totalBytes) {
        throw new ArchipelError('DISK_FULL', `the results kept here would have more than ${init.totalBytes} bytes`, {
          hint: 'Wait until old results expire, or let the island keep more: tasks.resultsBytes.',
        })
      }
      add(key, bytes)
      sinceLook += bytes
      if (init.reserveBytes === 0 || sinceLook < LOOK_EVERY_BYTES) return
      const free = await freeBytes(init.dir)
      if (free - bytes >= init.reserveBytes) {
        sinceLook = 0
        return
      }
      add(key, -bytes)
      throw new ArchipelError('DISK_FULL', 'the disk of the island is nearly full')
    },
    give: (key, bytes) => add(key, -bytes),
    forget(key) {
      total -= held.get(key) ?? 0
      held.delete(key)
    },
    set(key, bytes) {
      this.forget(key)
      add(key, bytes)
    },
  }
}
