/** Verified pieces of files: from memory, from the disk, or from other islands, and then they stay. */
import { open } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { pieceRange } from '../../../protocols/manifest/pieces.ts'
import { toArchipelError } from '../../../protocols/model/errors.ts'
import { hasBit } from '../../../protocols/transfer/messages.ts'
import { readSame } from '../identity.ts'
import type { Replica, ReplicaStore } from '../port.ts'
import { isPiece } from '../run/writer.ts'
import type { ReplicaShelf } from '../shelf.ts'
import type { Space } from '../space.ts'
import { gate } from './gate.ts'
import type { FetchPiece, Remote } from './holders.ts'
import type { Keeper } from './keeper.ts'
import { type Outcome, shared, type Taken } from './shared.ts'

/** A file of a replica that is read. */
export interface ReadFile extends Remote {
  folder: string
  /** The replica, made where there is none. @throws what its manifest cannot be had for */
  replica(signal: AbortSignal): Promise<Replica>
}

export interface PiecesComponents {
  store: ReplicaStore
  shelf: Pick<ReplicaShelf, 'get' | 'places' | 'look'>
  keeper: Keeper
  fetch: FetchPiece
  space: Pick<Space, 'check'>
  logger: Logger
}

export interface Pieces {
  /** Its bytes: nobody may change them. Whoever wants the same one at the same time has it by the same request. */
  take(file: ReadFile, index: number): Taken<Buffer>
  /** Ends what is under way; what has come is on the disk then. */
  stop(): Promise<void>
}

/** Bytes that are fetched and not on the disk yet, whoever reads. */
const UNDER_WAY_BYTES = 64 * 1024 * 1024
/** Bytes of pieces that were just read: readers come back to footers and headers. */
const KEPT_BYTES = 32 * 1024 * 1024
const NONE = Promise.resolve()

export function pieces({ store, shelf, keeper, fetch, space, logger }: PiecesComponents): Pieces {
  const flights = shared<Buffer>()
  const underWay = gate(UNDER_WAY_BYTES)
  const recent = recentBuffers(KEPT_BYTES)
  const stopping = new AbortController()
  const keeping = new Set<Promise<unknown>>()
  let reserved = 0

  async function fromFile(replica: Replica, entry: FileEntry, index: number): Promise<Buffer | undefined> {
    const { folder } = replica
    const state = await store.file(folder, entry.path)
    if (state === undefined) return undefined
    const range = pieceRange(entry.size, index)
    if ('done' in state) {
      const file = { path: entry.path, local: shelf.places(folder).file(entry.path), ...state.done }
      try {
        const parts: Buffer[] = []
        for await (const part of readSame(file, range, { signal: stopping.signal })) parts.push(part)
        return Buffer.concat(parts)
      } catch (cause) {
        if (toArchipelError(cause).code !== 'STALE') throw cause
        await shelf.look(folder)
        return undefined
      }
    }
    if (!hasBit(state.pieces, index)) return undefined
    const table = await store.table(Buffer.from(entry.pieces).toString('hex'))
    const bytes = await readAt(shelf.places(folder).part(entry.path), range)
    if (bytes !== undefined && (await isPiece(entry, table, index, bytes))) return bytes
    // In between it may have become whole.
    const now = await store.file(folder, entry.path)
    if (now !== undefined && 'done' in now) return await fromFile(replica, entry, index)
    if (table !== undefined) await keeper.lose(replica, entry)
    return undefined
  }

  async function bring(file: ReadFile, index: number, outer: AbortSignal): Promise<Outcome<Buffer>> {
    const { folder, entry } = file
    const signal = AbortSignal.any([outer, stopping.signal])
    const before = shelf.get(folder)
    const here = before === undefined ? undefined : await fromFile(before, entry, index)
    if (here !== undefined) return { value: here, settled: NONE }
    const replica = await file.replica(signal)
    const { length } = pieceRange(entry.size, index)
    const leave = await underWay.enter(length, signal)
    reserved += length
    const settle = () => {
      reserved -= length
      leave()
    }
    try {
      await space.check(reserved)
      const value = await fetch(file, index, signal)
      const settled = keeper
        .keep(replica, entry, index, value)
        .catch((cause: unknown) =>
          logger.warn({ err: cause, dataset: file.dataset }, 'what was read could not be kept'),
        )
        .finally(settle)
      keeping.add(settled)
      settled.finally(() => keeping.delete(settled))
      return { value, settled }
    } catch (cause) {
      settle()
      throw cause
    }
  }

  return {
    take(file, index) {
      const { folder, entry } = file
      const key = `${folder} ${shelf.get(folder)?.added ?? ''} ${index} ${entry.path}`
      const known = recent.get(key)
      if (known !== undefined) return { result: Promise.resolve(known), leave: () => {} }
      return flights.take(`${folder} ${index} ${entry.path}`, async (signal) => {
        const outcome = await bring(file, index, signal)
        recent.put(`${folder} ${shelf.get(folder)?.added ?? ''} ${index} ${entry.path}`, outcome.value)
        return outcome
      })
    },
    async stop() {
      stopping.abort()
      await Promise.all(keeping)
    },
  }
}

/** Undefined where they cannot be read as a whole. */
async function readAt(
  path: string,
  { offset, length }: { offset: number; length: number },
): Promise<Buffer | undefined> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) return undefined
      done += bytesRead
    }
    return bytes
  } finally {
    await handle.close()
  }
}

/** The last ones, as many as have room. */
function recentBuffers(most: number) {
  const kept = new Map<string, Buffer>()
  let bytes = 0
  return {
    get(key: string): Buffer | undefined {
      const found = kept.get(key)
      if (found === undefined) return undefined
      kept.delete(key)
      kept.set(key, found)
      return found
    },
    put(key: string, buffer: Buffer): void {
      if (kept.has(key)) return
      kept.set(key, buffer)
      bytes += buffer.length
      for (const [oldest, { length }] of kept) {
        if (bytes <= most) break
        kept.delete(oldest)
        bytes -= length
      }
    },
  }
}
