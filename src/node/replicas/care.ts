/** Care of replicas: every file is read anew now and then, at a low rate, and what is bad is fetched again. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { FileEntry } from '../../protocols/manifest/messages.ts'
import { HASH_BYTES, pieceCount, pieceRange, pieceTableHash } from '../../protocols/manifest/pieces.ts'
import { toArchipelError } from '../../protocols/model/errors.ts'
import type { SourceFile } from '../publish/port.ts'
import { pages } from './entries.ts'
import { assertSame, openSame } from './identity.ts'
import type { Replica } from './port.ts'
import { type Rate, rate } from './rate.ts'
import type { ReplicaShelf } from './shelf.ts'

export interface CareInit {
  /** 0: files are not read anew by themselves. */
  bytesPerSecond: number
  /** Milliseconds between two readings of one replica. */
  periodMs: number
}

export interface CareComponents {
  shelf: Pick<ReplicaShelf, 'all' | 'get' | 'file' | 'block' | 'look' | 'lose' | 'note' | 'onLost'>
  /** A transfer is at work on that replica, or will be. */
  inUse(folder: string): boolean
  /** The machine has better to do: reading waits, but for no longer than one more period. */
  busy(): boolean
  /** Asks for what is missing. @throws why nobody can be asked */
  repair(replica: Replica): Promise<void>
  /** Milliseconds since 1970. */
  now(): number
  logger: Logger
}

export interface Care {
  begin(): void
  stop(): Promise<void>
  /** Since the start. `waitingFiles`: bad ones that are not here again. */
  numbers(): { scrubbedBytes: number; badFiles: number; repairs: number; waitingFiles: number }
}

/** Bytes hashed at once: about a tenth of a millisecond. */
const CHUNK_BYTES = 128 * 1024
/** Bytes after which it is remembered how far the reading came. */
const NOTE_BYTES = 64 * 1024 * 1024
/** Milliseconds between two looks whether there is something to do, and between two tries to repair one replica. */
const LOOK_MS = 60_000
const REPAIR_AGAIN_MS = 600_000

const IDLE: ReadonlySet<Replica['state']> = new Set(['available', 'partial'])

export function care(init: CareInit, components: CareComponents): Care {
  const { shelf, logger, now } = components
  const pace = rate(init.bytesPerSecond)
  const stopping = new AbortController()
  const tried = new Map<string, number>()
  let scrubbedBytes = 0
  let badFiles = 0
  let repairs = 0
  let wake = () => {}
  let ended: Promise<void> = Promise.resolve()

  shelf.onLost((_, files) => {
    badFiles += files
    wake()
  })

  /** Milliseconds since all of it was known to be good. A clock that was ahead counts as never. */
  function age({ scrubbed, added }: Replica): number {
    const since = now() - (scrubbed ?? added)
    return since < -init.periodMs ? Number.POSITIVE_INFINITY : since
  }

  function due(): Replica | undefined {
    if (init.bytesPerSecond === 0) return undefined
    const replicas = shelf.all().filter((r) => IDLE.has(r.state) && !components.inUse(r.folder))
    const oldest = replicas.sort((a, b) => age(b) - age(a))[0]
    return oldest !== undefined && age(oldest) >= init.periodMs && mayRead(oldest) ? oldest : undefined
  }

  const mayRead = (replica: Replica) => !components.busy() || age(replica) >= 2 * init.periodMs

  async function scrub({ folder, version, scrubAt = 0 }: Replica, signal: AbortSignal): Promise<void> {
    let since = 0
    for await (const page of pages(version, shelf.block(folder))) {
      for (const { entry, number } of page) {
        if (number < scrubAt) continue
        signal.throwIfAborted()
        const replica = shelf.get(folder)
        // What comes to it meanwhile is verified; the rest is read afterwards.
        if (replica === undefined || components.inUse(folder) || !mayRead(replica)) {
          if (replica !== undefined) await shelf.note(folder, { scrubAt: number })
          return
        }
        const file = await shelf.file(folder, entry.path)
        if (file === undefined) continue
        await check(folder, file, entry, signal)
        since += entry.size
        if (since < NOTE_BYTES) continue
        since = 0
        await shelf.note(folder, { scrubAt: number + 1 })
      }
    }
    await shelf.note(folder, { scrubbed: now() })
  }

  async function check(folder: string, file: SourceFile, entry: FileEntry, signal: AbortSignal): Promise<void> {
    try {
      const read = (bytes: number) => {
        scrubbedBytes += bytes
      }
      if (!(await isGood(file, entry, pace, read, signal))) await shelf.lose(folder, [file.path])
    } catch (cause) {
      signal.throwIfAborted()
      // Another file by what the system says of it: then its bytes decide.
      if (toArchipelError(cause).code === 'STALE') await shelf.look(folder)
      else if ((cause as NodeJS.ErrnoException).code === 'EIO') await shelf.lose(folder, [file.path])
      else throw cause
    }
  }

  async function repairAll(): Promise<void> {
    for (const replica of shelf.all()) {
      if (replica.damaged === undefined || components.inUse(replica.folder)) continue
      const last = tried.get(replica.folder)
      if (last !== undefined && performance.now() - last < REPAIR_AGAIN_MS) continue
      tried.set(replica.folder, performance.now())
      try {
        await components.repair(replica)
        repairs++
        logger.info({ dataset: replica.id, files: replica.damaged }, 'bad files of a replica are fetched again')
      } catch (err) {
        logger.warn({ err, dataset: replica.id }, 'bad files of a replica cannot be fetched again now')
      }
    }
    for (const folder of tried.keys()) if (shelf.get(folder) === undefined) tried.delete(folder)
  }

  async function wait(signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    wake = () => woken.abort()
    await sleep(LOOK_MS, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => {})
    wake = () => {}
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await repairAll()
        const next = due()
        if (next !== undefined) {
          await scrub(next, signal)
          if (due()?.folder !== next.folder) continue
        }
      } catch (err) {
        if (signal.aborted) return
        logger.error({ err }, 'replicas could not be read anew')
      }
      await wait(signal)
    }
  }

  return {
    begin() {
      ended = run(stopping.signal)
    },
    async stop() {
      stopping.abort()
      await ended
    },
    numbers: () => ({
      scrubbedBytes,
      badFiles,
      repairs,
      waitingFiles: shelf.all().reduce((sum, { damaged = 0 }) => sum + damaged, 0),
    }),
  }
}

/** Reads it whole, however fast that may be. @throws STALE when it is another file by now */
async function isGood(
  file: SourceFile,
  { size, pieces }: FileEntry,
  pace: Rate,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const handle = await openSame(file)
  try {
    const table = Buffer.alloc(pieceCount(size) * HASH_BYTES)
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for (let index = 0; index < pieceCount(size); index++) {
      const { offset, length } = pieceRange(size, index)
      const hash = createHash('sha256')
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK_BYTES, length - done), offset + done)
        if (bytesRead === 0) return false
        hash.update(buffer.subarray(0, bytesRead))
        done += bytesRead
        onBytes(bytesRead)
        await pace.pass(bytesRead, signal)
      }
      table.set(hash.digest(), index * HASH_BYTES)
    }
    await assertSame(file, handle)
    return Buffer.compare(pieceTableHash(size, table), pieces) === 0
  } finally {
    await handle.close()
  }
}
