/** One transfer, from its plan to the last durable piece: all holders at once, each as fast as it is. */
import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { SourceFile } from '../../publish/port.ts'
import { type Block, pages } from '../entries.ts'
import type { Places } from '../names.ts'
import type { Amount, FileState, StoredFile } from '../port.ts'
import type { Rate } from '../rate.ts'
import { loader } from './loader.ts'
import type { RemoteHolder } from './port.ts'
import { type Source, type SourceEnd, source } from './source.ts'
import { workList } from './work.ts'
import { writer } from './writer.ts'

export interface RunInit {
  dataset: string
  version: string
  folder: string
  /** Files of the version. */
  files: number
  globs: readonly string[]
  places: Places
  batchBytes: number
}

export interface RunComponents {
  block: Block
  /** Islands that say they hold it, this one left out. */
  holders(signal: AbortSignal): Promise<string[]>
  remote(island: string): RemoteHolder
  limits(island: string): Rate[]
  state(path: string): Promise<FileState | undefined>
  /** Durable, with the counts. */
  save(files: StoredFile[], done: Amount): Promise<void>
  table(hash: string): Promise<Uint8Array | undefined>
  keepTable(hash: string, table: Uint8Array): Promise<void>
  pieceTable(file: SourceFile): Promise<Uint8Array>
  /** @throws DISK_FULL */
  checkSpace(): Promise<void>
  onBytes(island: string, bytes: number): void
  onBad(island: string, path: string): void
  /** Why it does not go on just now; undefined when it does. */
  onProblem(error: ArchipelError | undefined): void
  /** What is asked now, with its rate. */
  onSources(sources: ReadonlyMap<string, Source>): void
  /** Where pieces that somebody else fetched are taken while it runs. */
  onTake(take: TakePiece): void
}

/** @returns whether the verified piece was still wanted, and is on the disk soon */
export type TakePiece = (path: string, index: number, bytes: Uint8Array) => Promise<boolean>

/** Pieces whose work a crash may lose. */
const BATCH_PIECES = 256
/** Milliseconds between two looks for more holders, and, at most, between two tries when there is none. */
const LOOK_MS = 20_000
const FIRST_AGAIN_MS = 1_000
const MAX_AGAIN_MS = 60_000
/** Milliseconds after which what was written is made durable, however little it is. */
const COMMIT_MS = 2_000
const MAX_SOURCES = 16

/** @throws NO_HOLDER, BAD_DATA (no holder has the data as the manifest says), DISK_FULL, RECORD_INVALID, CANCELLED */
export async function runTransfer(init: RunInit, components: RunComponents, outer: AbortSignal): Promise<void> {
  for (const folder of [init.places.files, init.places.parts]) await mkdir(folder, { recursive: true, mode: 0o700 })
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const work = workList()
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  signal.addEventListener('abort', wake)
  const changed = async (during: AbortSignal, ms?: number) => {
    if (during.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.add(resolve)
    during.addEventListener('abort', () => resolve(), { once: true })
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
    await promise
    clearTimeout(timer)
    waiting.delete(resolve)
  }
  const out = writer(
    { folder: init.folder, places: init.places, batchBytes: init.batchBytes, batchPieces: BATCH_PIECES },
    { save: components.save, checkSpace: components.checkSpace, durable: work.durable },
  )
  const loadMore = loader({
    folder: init.folder,
    places: init.places,
    globs: init.globs,
    pages: pages(init.version, components.block),
    state: components.state,
    pieceTable: components.pieceTable,
    save: components.save,
    work,
    writer: out,
  })
  const more = async () => {
    const was = work.wanted()
    const loaded = await loadMore()
    if (work.wanted() > was) wake()
    return loaded
  }
  const pinned = { dataset: init.dataset, version: init.version }
  const sources = new Map<string, Source>()
  const ends = new Map<string, SourceEnd>()
  const running = new Set<Promise<void>>()
  let bad: ArchipelError | undefined
  let fatal: ArchipelError | undefined
  const hex = (entry: FileEntry) => Buffer.from(entry.pieces).toString('hex')
  const fail = (error: ArchipelError) => {
    fatal ??= error
    stop.abort()
  }

  function begin(island: string): void {
    const one = source({
      island,
      files: init.files,
      pinned,
      remote: components.remote(island),
      work,
      writer: out,
      limits: components.limits(island),
      table: (file) => components.table(hex(file.entry)),
      keepTable: (file, table) => components.keepTable(hex(file.entry), table),
      more,
      changed,
      onChange: wake,
      onBytes: (bytes) => components.onBytes(island, bytes),
      onBad: ({ entry }) => {
        bad = new ArchipelError('BAD_DATA', `what holders sent of ${JSON.stringify(entry.path)} is not that file`)
        components.onBad(island, entry.path)
      },
      onFatal: fail,
    })
    sources.set(island, one)
    ends.delete(island)
    const run = one.run(signal).then((end) => {
      sources.delete(island)
      running.delete(run)
      if (end !== undefined) ends.set(island, end)
      components.onSources(sources)
      wake()
    })
    running.add(run)
    components.onSources(sources)
  }

  async function look(): Promise<void> {
    const holders = await components.holders(signal)
    for (const island of holders) {
      if (sources.size >= MAX_SOURCES) break
      if (!sources.has(island) && ends.get(island)?.verdict !== 'no') begin(island)
    }
  }

  /** No source that is asked can give what is left. */
  const stuck = () => work.wanted() > 0 && work.stuck([...sources.values()].map((s) => s.holder))

  /** @throws when nobody will ever give it */
  function nobody(cause: ArchipelError | undefined): ArchipelError {
    const later = [...ends.values()].find((end) => end.verdict === 'later')
    if (later === undefined && ends.size + sources.size > 0 && bad !== undefined) throw bad
    const why = cause ?? later?.error ?? [...ends.values()][0]?.error
    return new ArchipelError(
      'NO_HOLDER',
      'no island gives what is missing now',
      why === undefined ? {} : { cause: why },
    )
  }

  async function follow(): Promise<void> {
    let again = FIRST_AGAIN_MS
    let looked = Number.NEGATIVE_INFINITY
    await more()
    for (;;) {
      signal.throwIfAborted()
      if (work.wanted() === 0) {
        if (await more()) continue
        if (work.wanted() === 0) return
      }
      let problem: ArchipelError | undefined
      if (performance.now() - looked > LOOK_MS || stuck()) {
        looked = performance.now()
        await look().catch((cause: unknown) => {
          problem = toArchipelError(cause)
        })
        signal.throwIfAborted()
      }
      if (!stuck()) {
        again = FIRST_AGAIN_MS
        components.onProblem(undefined)
        await changed(signal, LOOK_MS)
        continue
      }
      await out.commit()
      components.onProblem(nobody(problem))
      await sleep(again, undefined, { signal })
      work.retry()
      again = Math.min(MAX_AGAIN_MS, again * 2)
    }
  }

  components.onTake(async (path, index, bytes) => {
    const piece = signal.aborted ? undefined : work.find(path, index)
    if (piece === undefined) return false
    work.written(piece)
    const writing = out
      .write(piece, bytes)
      .catch((cause: unknown) => fail(toArchipelError(cause)))
      .finally(() => running.delete(writing))
    running.add(writing)
    wake()
    await writing
    return true
  })
  const flushing = setInterval(
    () => void out.commit().catch((cause: unknown) => fail(toArchipelError(cause))),
    COMMIT_MS,
  )
  try {
    await follow()
    await out.commit()
    // A piece may have been on its way to the disk when the last one was taken.
    stop.abort()
    await Promise.all(running)
    await out.commit()
    if (fatal !== undefined) throw fatal
  } catch (cause) {
    stop.abort()
    await Promise.all(running)
    // What was verified is kept, where that can be: a disk that is full may still take the little that says so.
    await out.commit().catch(() => {})
    if (fatal !== undefined) throw fatal
    if (outer.aborted) throw new ArchipelError('CANCELLED', 'the transfer was stopped', { cause })
    throw toArchipelError(cause)
  } finally {
    clearInterval(flushing)
    await out.close()
  }
}
