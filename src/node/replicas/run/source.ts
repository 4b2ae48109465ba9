/** One holder of a transfer: asked as much as it gives, left alone when it errs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { pieceCount, pieceTableHash } from '../../../protocols/manifest/pieces.ts'
import { ArchipelError, type ErrorCode, toArchipelError } from '../../../protocols/model/errors.ts'
import type { TransferCarrier } from '../../../protocols/model/transfer.ts'
import { MAX_RANGES, MAX_TABLES } from '../../../protocols/transfer/messages.ts'
import type { Rate } from '../rate.ts'
import type { Pinned } from '../serve/port.ts'
import type { RemoteHolder } from './port.ts'
import type { FileWork, Holder, Piece, Work } from './work.ts'
import type { Writer } from './writer.ts'

export interface SourceComponents {
  island: string
  /** Files of the version. */
  files: number
  pinned: Pinned
  remote: RemoteHolder
  work: Work
  writer: Writer
  /** What comes in passes these. */
  limits: Rate[]
  table(file: FileWork): Promise<Uint8Array | undefined>
  keepTable(file: FileWork, table: Uint8Array): Promise<void>
  /** More pieces to be fetched, where there are any. */
  more(): Promise<boolean>
  /** Resolves at the next change of the work. */
  changed(signal: AbortSignal): Promise<void>
  onChange(): void
  onBytes(bytes: number): void
  /** A piece that is not what the manifest says. */
  onBad(file: FileWork): void
  /** The transfer cannot go on: its own disk fails. */
  onFatal(error: ArchipelError): void
}

/** How it ended: `no` is for good, `later` may be tried again. */
export interface SourceEnd {
  verdict: 'no' | 'later'
  error: ArchipelError
}

export interface Source {
  holder: Holder
  /** Until the signal aborts (undefined), or it is of no use any more. */
  run(signal: AbortSignal): Promise<SourceEnd | undefined>
  /** Bytes a second, of late. */
  bytesPerSecond(): number
  carrier(): TransferCarrier | undefined
}

/** Requests under way at one source: the next is there when the first is answered. */
const LANES = 2
/** A request is for about so many seconds of a source's work, within these bounds. */
const REQUEST_S = 0.5
const MIN_BYTES = 1024 * 1024
const MAX_BYTES = 16 * 1024 * 1024
/** Pieces that one request has in the hands of the hash and the disk, and their bytes, where it is more than one. */
const MAX_UNDER_WORK = 16
const MAX_UNDER_WORK_BYTES = 2 * 1024 * 1024
/** Buffers of pieces that wait for the next one. */
const KEPT_BUFFERS = 6
/** Pieces asked for a second time at once. */
const MAX_AGAIN = 4
/** Failures in a row after which a source is left alone for a while, and files that it spoiled after which for good. */
const MAX_FAILURES = 4
const MAX_BAD_FILES = 3
const FIRST_BACKOFF_MS = 250
const LATER_MS = 1000
const MAX_LATER_MS = 30_000
/** Weight of the newest measurement. */
const NEWEST = 0.3

/** Verdicts on the version as a whole. */
const NO: ReadonlySet<ErrorCode> = new Set(['DATASET_NOT_FOUND', 'FORBIDDEN', 'NOT_A_MEMBER', 'MEMBER_REVOKED'])

export function source(components: SourceComponents): Source {
  const { island, pinned, remote, work, writer } = components
  const holder: Holder = { island, bits: undefined }
  const buffers = pieceBuffers()
  let perSecond = 0
  let failures = 0
  let badFiles = 0

  const requestBytes = () => Math.min(MAX_BYTES, Math.max(MIN_BYTES, perSecond * REQUEST_S))

  /** Tables of files that need one: known here, or asked for and checked. */
  async function tables(batch: readonly Piece[], signal: AbortSignal): Promise<void> {
    const without: FileWork[] = []
    for (const file of new Set(batch.map((p) => p.file))) {
      if (file.table !== undefined || pieceCount(file.entry.size) < 2) continue
      const known = await components.table(file)
      if (known === undefined) without.push(file)
      else file.table = known
    }
    for (let i = 0; i < without.length; i += MAX_TABLES) {
      const files = without.slice(i, i + MAX_TABLES)
      const paths = files.map((f) => f.entry.path)
      let at = 0
      for await (const { path, table } of remote.tables({ ...pinned, paths }, signal)) {
        const file = files[at++]
        if (file === undefined || path !== at - 1) throw new ArchipelError('PROTOCOL', 'tables that were not asked for')
        if (!isTable(file.entry, table)) throw bad(file, 'a table of pieces that is not that of the file')
        file.table = table
        await components.keepTable(file, table)
      }
      if (at < files.length) throw new ArchipelError('PROTOCOL', 'fewer tables than were asked for')
    }
  }

  function bad(file: FileWork, what: string): ArchipelError {
    // The other request of this source may have found it just before.
    if (!file.refused.has(island)) {
      file.refused.add(island)
      badFiles++
      components.onBad(file)
    }
    return new ArchipelError('PROTOCOL', `${what}: ${JSON.stringify(file.entry.path)}`, {
      details: { path: file.entry.path },
    })
  }

  async function complete(piece: Piece, bytes: Uint8Array): Promise<void> {
    if (piece.state === 'written') return
    if (!(await writer.verify(piece, bytes))) throw bad(piece.file, 'bytes that are not those of the file')
    if ((piece.state as string) === 'written') return
    work.written(piece)
    components.onBytes(piece.length)
    try {
      await writer.write(piece, bytes)
    } catch (cause) {
      const error = toArchipelError(cause)
      components.onFatal(error)
      throw error
    }
  }

  async function fetch(batch: readonly Piece[], signal: AbortSignal): Promise<void> {
    const ranges = batch.map(({ file, offset, length }) => ({ path: file.entry.path, offset, length }))
    let at = 0
    let buffer: Buffer | undefined
    let got = 0
    const under = workers()
    const started = performance.now()
    let bytes = 0
    try {
      for await (const item of remote.ranges({ ...pinned, ranges }, signal)) {
        const piece = batch[at]
        if (piece === undefined || item.range !== at || item.bytes.length === 0)
          throw new ArchipelError('PROTOCOL', 'bytes of a range that was not asked for')
        bytes += item.bytes.length
        if (got + item.bytes.length > piece.length) throw bad(piece.file, 'more bytes than were asked for')
        if (item.bytes.length < piece.length) {
          buffer ??= buffers.take(piece.length)
          buffer.set(item.bytes, got)
        }
        got += item.bytes.length
        for (const limit of components.limits) await limit.pass(item.bytes.length, signal)
        if (got < piece.length) continue
        const used = buffer
        await under.add(
          got,
          complete(piece, used ?? item.bytes).finally(() => used !== undefined && buffers.giveBack(used)),
        )
        at++
        buffer = undefined
        got = 0
        if (batch.slice(at).every((p) => p.state === 'written')) break
      }
    } finally {
      await under.end().finally(() => measure(bytes, performance.now() - started))
    }
    if (at < batch.length && batch.slice(at).some((p) => p.state !== 'written'))
      throw bad(batch[at]!.file, 'fewer bytes than were asked for')
  }

  function measure(bytes: number, ms: number): void {
    if (bytes === 0) return
    const now = ((bytes * 1000) / Math.max(1, ms)) * LANES
    perSecond = perSecond === 0 ? now : perSecond * (1 - NEWEST) + now * NEWEST
  }

  /** @returns how the source ends by it, or undefined where it goes on, after a while */
  async function failed(cause: unknown, batch: readonly Piece[], signal: AbortSignal): Promise<SourceEnd | undefined> {
    const error = toArchipelError(cause)
    const { path, afterMs } = (error.details ?? {}) as { path?: unknown; afterMs?: unknown }
    if (NO.has(error.code) || badFiles >= MAX_BAD_FILES) return { verdict: 'no', error }
    if (error.code === 'TOO_MANY') {
      const wait = typeof afterMs === 'number' && afterMs > 0 ? Math.min(afterMs, MAX_LATER_MS) : LATER_MS
      await sleep(wait, undefined, { signal })
      return undefined
    }
    const file = batch.find((p) => p.file.entry.path === path)?.file
    if (file !== undefined && ['NOT_FOUND', 'STALE', 'BAD_RANGE', 'PROTOCOL'].includes(error.code)) {
      file.absent.add(island)
      return undefined
    }
    failures++
    if (failures > MAX_FAILURES) return { verdict: 'later', error }
    await sleep(FIRST_BACKOFF_MS * 2 ** failures, undefined, { signal })
    return undefined
  }

  async function lane(signal: AbortSignal): Promise<SourceEnd | undefined> {
    while (!signal.aborted) {
      let batch = work.take(holder, { bytes: requestBytes(), pieces: MAX_RANGES })
      if (batch.length === 0 && (await components.more())) continue
      if (batch.length === 0) batch = work.again(holder, { bytes: MIN_BYTES * MAX_AGAIN, pieces: MAX_AGAIN })
      if (batch.length === 0) {
        await components.changed(signal)
        continue
      }
      try {
        await tables(batch, signal)
        await fetch(batch, signal)
        failures = 0
      } catch (cause) {
        if (signal.aborted) return undefined
        work.giveBack(island, batch)
        const end = await failed(cause, batch, signal)
        if (end !== undefined) return end
      } finally {
        work.giveBack(island, batch)
        components.onChange()
      }
    }
    return undefined
  }

  return {
    holder,
    bytesPerSecond: () => perSecond,
    carrier: () => remote.carrier?.(),
    async run(outer) {
      const stop = new AbortController()
      const signal = AbortSignal.any([outer, stop.signal])
      try {
        const { files, bits } = await remote.have(pinned, signal)
        if (files !== components.files || (bits !== undefined && bits.length !== Math.ceil(files / 8)))
          throw new ArchipelError('PROTOCOL', 'it says of another number of files what it holds')
        holder.bits = bits
        const lanes = Array.from({ length: LANES }, async () => {
          try {
            return await lane(signal)
          } finally {
            stop.abort()
          }
        })
        const ends = await Promise.allSettled(lanes)
        if (outer.aborted) return undefined
        for (const end of ends) if (end.status === 'fulfilled' && end.value !== undefined) return end.value
        for (const end of ends) if (end.status === 'rejected') throw end.reason
        return undefined
      } catch (cause) {
        if (outer.aborted) return undefined
        const error = toArchipelError(cause)
        return { verdict: NO.has(error.code) ? 'no' : 'later', error }
      }
    },
  }
}

interface PieceBuffers {
  take(length: number): Buffer
  giveBack(buffer: Buffer): void
}

/** A new buffer for each piece would have all memory of the process looked through every few dozen pieces. */
function pieceBuffers(): PieceBuffers {
  const free: Buffer[] = []
  return {
    take(length) {
      const at = free.findIndex((buffer) => buffer.buffer.byteLength >= length)
      const [found] = at < 0 ? [] : free.splice(at, 1)
      return found === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(found.buffer, 0, length)
    },
    giveBack(buffer) {
      if (buffer.buffer.byteLength <= MAX_UNDER_WORK_BYTES && free.length < KEPT_BUFFERS) free.push(buffer)
    },
  }
}

interface Workers {
  /** Takes on work for so many bytes, and waits until there is room for more. @throws the first failure */
  add(bytes: number, work: Promise<void>): Promise<void>
  /** Once all are through. @throws the first failure */
  end(): Promise<void>
}

/** Pieces that are hashed and written while further ones come in. */
function workers(): Workers {
  const running = new Set<Promise<void>>()
  let held = 0
  let failed: { cause: unknown } | undefined
  const check = () => {
    if (failed !== undefined) throw failed.cause
  }
  return {
    async add(bytes, work) {
      held += bytes
      const one = work
        .catch((cause: unknown) => {
          failed ??= { cause }
        })
        .finally(() => {
          held -= bytes
          running.delete(one)
        })
      running.add(one)
      while (running.size > 1 && (running.size > MAX_UNDER_WORK || held > MAX_UNDER_WORK_BYTES))
        await Promise.race(running)
      check()
    },
    async end() {
      await Promise.all(running)
      check()
    },
  }
}

/** Whether this is the table of the pieces of that file. */
export function isTable(entry: FileEntry, table: Uint8Array): boolean {
  try {
    return Buffer.compare(pieceTableHash(entry.size, table), entry.pieces) === 0
  } catch {
    return false
  }
}
