import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { buildManifest } from '../../protocols/manifest/build.ts'
import type { FileEntry } from '../../protocols/manifest/messages.ts'
import { pieceTableHash } from '../../protocols/manifest/pieces.ts'
import { readFiles } from '../../protocols/manifest/read.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { normaliseId, parseRef, shortName, suggestName } from '../../protocols/model/ids.ts'
import type { PublishProgress, PublishRequest } from '../../protocols/model/views.ts'
import type { Inspector } from '../engines/port.ts'
import { fittedBody } from './body.ts'
import { changed, hashFile } from './files/hash.ts'
import { gather, localPath, lookOutside, type Outside, stillThere } from './files/outside.ts'
import type { OwnFiles } from './files/own.ts'
import { type ResumeState, resumeState } from './files/resume.ts'
import { sameFile, scan, sourceFile } from './files/scan.ts'
import { hashAll } from './files/table.ts'
import { inspect } from './inspect/inspect.ts'
import { checkedLicence } from './licence.ts'
import type { Description, PublisherPort, SourceFile } from './port.ts'
import { lines, oneLine } from './words.ts'

export interface PublisherInit {
  /** Folder for the memory of interrupted hashing. */
  stateDir: string
  /** Files hashed at once. Default 4. */
  fileConcurrency?: number
  /** Pieces of one file read and hashed at once. Default 2. */
  pieceConcurrency?: number
  /** Bytes of one file between two saves of its progress. Default 64 MiB. */
  checkpointBytes?: number
  /** Milliseconds for each question to the inspector. Default 30 min: a table is read as a whole. */
  queryTimeoutMs?: number
  /** Default 1,000,000. */
  maxFiles?: number
  /** The data directory of the island: it is not published, nor is a folder around it. */
  own?: OwnFiles
}

export interface PublisherComponents {
  /** A fresh inspector over local files; the publisher closes it. */
  inspectorFor(files: string[]): Inspector
  clock?: { now(): number }
  /** The piece table of a file of more than one piece, by its hash, as it becomes known: whoever fetches the file needs it. */
  keepTable?(hash: Uint8Array, table: Uint8Array): void
  /** Data outside of all islands. */
  outside?: Outside
  logger?: { debug(details: object, message: string): void }
}

/** A `PublisherPort` with the life of its state file. */
export interface Publisher extends PublisherPort {
  start(): Promise<void>
  stop(): Promise<void>
}

const PROGRESS_MS = 100

/** @see PublisherPort. Nothing is copied and nothing but the state file is written. */
export function publisher(init: PublisherInit) {
  return (components: PublisherComponents): Publisher => {
    const now = () => components.clock?.now() ?? Date.now()
    const concurrency = { fileConcurrency: init.fileConcurrency ?? 4, pieceConcurrency: init.pieceConcurrency ?? 2 }
    const { outside } = components
    const hashed: typeof hashFile = (file, options) =>
      outside?.isOutside(file.local) ? outside.hash(file, options) : hashFile(file, options)
    let state: ResumeState | undefined
    /** Opened when first needed, so that the order of starting does not matter. */
    const resume = () => {
      state ??= resumeState({ dir: init.stateDir }, now)
      return state
    }

    return {
      async start() {
        resume().clean()
      },
      async stop() {
        state?.close()
        state = undefined
      },

      async prepare(request, { defaultId, earlier, signal, onProgress }) {
        try {
          const names = namesOf(request, defaultId, (text) => outside?.publicPlace(text) ?? text)
          const report = reporter(onProgress)
          const looking = {
            ...(signal && { signal }),
            ...(init.maxFiles !== undefined && { maxFiles: init.maxFiles }),
            onFiles: (count: number) => report('scan', { files: count, bytes: 0 }, { files: count, bytes: 0 }),
          }
          const away = outside?.isOutside(request.path)
            ? await gather(outside, request, {
                ...looking,
                onCopied: (done, all) => report('fetch', done, all, done.bytes === all.bytes),
              })
            : undefined
          const files =
            away?.files ?? (await scan(localPath(request.path), { ...looking, ...(init.own && { own: init.own }) }))
          const originOf = new Map(away?.files.map((file, index) => [file, away.source[index]!]))
          const total = { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
          report('scan', total, total, true)
          const reused = { files: 0, bytes: 0 }
          const entries = await hashAll(files, resume(), {
            ...concurrency,
            checkpointBytes: init.checkpointBytes ?? 64 * 1024 * 1024,
            onTable: (hash, table) => components.keepTable?.(hash, table),
            ...(signal && { signal }),
            hash: hashed,
            ...(earlier && { known: (file) => earlier.pieces(originOf.get(file) ?? file) }),
            onReused: (bytes, whole) => {
              reused.bytes += bytes
              if (whole) reused.files++
            },
            onProgress: (done) => report('hash', done, total),
          })
          report('hash', total, total, true)
          const manifest = buildManifest(entries)
          report('inspect', { files: 0, bytes: 0 }, total, true)
          const description =
            earlier?.description(manifest.version) ??
            (await inspect(files, {
              ...(away?.local === false ? { as: 'files' } : request.as && { as: request.as }),
              inspectorFor: components.inspectorFor,
              queryTimeoutMs: init.queryTimeoutMs ?? 30 * 60_000,
              ...(signal && { signal }),
              onFiles: (done) => report('inspect', { files: done, bytes: 0 }, total),
            }))
          // What was described has to be what was hashed.
          if (away?.local !== false) await unchanged(files, signal)
          if (away !== undefined) await stillThere(outside!, away.source, signal)
          report('inspect', total, total, true)
          const body = bodyOf(request, names, entries, manifest, description, new Date(now()).toISOString())
          components.logger?.debug({ files: files.length, bytes: total.bytes, format: body.format }, 'dataset prepared')
          const read = { files: total.files - reused.files, bytes: total.bytes - reused.bytes }
          return { id: names.id, body, source: away?.source ?? files, manifest: manifest.blocks, hashed: read, reused }
        } catch (error) {
          throw cancelled(error, signal)
        }
      },

      async check(source, manifest, version, { signal } = {}) {
        try {
          const pieces = new Map<string, FileEntry>()
          for (const entry of readFiles(version, (hash) => manifest.get(hash))) pieces.set(entry.path, entry)
          const fresh: SourceFile[] = []
          for (const file of source) {
            signal?.throwIfAborted()
            const seen = outside?.isOutside(file.local)
              ? pieces.has(file.path) && (await lookOutside(outside, file, signal))
              : await stillSame(file, pieces.get(file.path), concurrency.pieceConcurrency, signal)
            if (seen === UNSURE) return { state: 'changed', path: file.path, unsure: true }
            if (!seen) return { state: 'changed', path: file.path }
            fresh.push(seen)
            pieces.delete(file.path)
          }
          const missing = pieces.keys().next().value
          return missing === undefined ? { state: 'same', source: fresh } : { state: 'changed', path: missing }
        } catch (error) {
          throw cancelled(error, signal)
        }
      },

      async pieceTable(file, options = {}) {
        try {
          return await hashed(file, { ...options, concurrency: concurrency.pieceConcurrency })
        } catch (error) {
          throw cancelled(error, options.signal)
        }
      },
    }
  }
}

interface Names {
  id: string
  name: string
  licence?: string
  origin?: string
}

/** @throws BAD_ID, BAD_INPUT */
function namesOf(
  request: PublishRequest,
  defaultId: (name: string) => string,
  publicPlace: (text: string) => string,
): Names {
  // An id may be given as a plain name: then it is the default id of that name.
  const ref = request.id === undefined ? undefined : parseRef(request.id)
  const name = request.name ?? (ref !== undefined && 'name' in ref ? ref.name : suggestName(basename(request.path)))
  if (!shortName.safeParse(name).success)
    throw new ArchipelError('BAD_INPUT', `not a short name: ${JSON.stringify(name.slice(0, 120))}`, {
      hint: 'A name has letters, digits, "_", "-" and ".", at most 128, and does not begin with "-" or ".".',
    })
  if (request.title !== undefined && oneLine(request.title) === '')
    throw new ArchipelError('BAD_INPUT', 'the title has no character that can be seen')
  return {
    id: ref === undefined ? defaultId(name) : 'name' in ref ? defaultId(ref.name) : ref.id,
    name,
    ...(request.licence !== undefined && { licence: checkedLicence(request.licence) }),
    ...(request.origin !== undefined && { origin: publicPlace(request.origin) }),
  }
}

function bodyOf(
  request: PublishRequest,
  names: Names,
  entries: FileEntry[],
  manifest: { version: string; root: { size: number } },
  description: Description,
  time: string,
) {
  const aliases = new Set((request.aliases ?? []).map(normaliseId))
  aliases.delete(names.id)
  return fittedBody({
    name: names.name,
    title: request.title === undefined ? names.name.replaceAll('_', ' ') : oneLine(request.title),
    ...(request.description !== undefined && { description: lines(request.description) }),
    keywords: [...new Set((request.keywords ?? []).map(oneLine).filter((word) => word !== ''))],
    ...(names.licence !== undefined && { licence: names.licence }),
    creators: (request.creators ?? []).map((creator) => ({
      ...creator,
      name: oneLine(creator.name),
      ...(creator.affiliation !== undefined && { affiliation: oneLine(creator.affiliation) }),
    })),
    created: time,
    modified: time,
    version: manifest.version,
    size: manifest.root.size,
    files: entries.length,
    ...(names.origin !== undefined && { origin: names.origin }),
    ...description,
    aliases: [...aliases],
    ...(request.provenance !== undefined && { provenance: request.provenance }),
  })
}

function reporter(onProgress: ((progress: PublishProgress) => void) | undefined) {
  let last = Number.NEGATIVE_INFINITY
  type Amount = { files: number; bytes: number }
  return (phase: PublishProgress['phase'], done: Amount, total: Amount, always = false) => {
    if (onProgress === undefined || (!always && performance.now() - last < PROGRESS_MS)) return
    last = performance.now()
    onProgress({
      phase,
      files: { done: done.files, total: total.files },
      bytes: { done: done.bytes, total: total.bytes },
    })
  }
}

/** @throws STALE */
async function unchanged(files: SourceFile[], signal?: AbortSignal): Promise<void> {
  for (const file of files) {
    signal?.throwIfAborted()
    const seen = await look(file)
    if (seen === undefined || seen === UNSURE || !sameFile(file, seen)) throw changed(file)
  }
}

/** What the system says of a file that is not there; all else may pass: a disk that is away, a folder that is closed. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])
/** Nobody can tell just now. */
const UNSURE = Symbol('unsure')

/** The file as it is now when its bytes are those hashed: by `stat` when nothing moved, else by hashing again. */
async function stillSame(
  file: SourceFile,
  entry: FileEntry | undefined,
  concurrency: number,
  signal?: AbortSignal,
): Promise<SourceFile | typeof UNSURE | undefined> {
  const seen = await look(file)
  if (seen === UNSURE) return seen
  if (seen === undefined || entry === undefined || seen.size !== entry.size) return undefined
  if (sameFile(file, seen)) return seen
  try {
    const table = await hashFile(seen, { concurrency, ...(signal && { signal }) })
    return Buffer.compare(pieceTableHash(seen.size, table), entry.pieces) === 0 ? seen : undefined
  } catch (error) {
    if (!(error instanceof ArchipelError)) throw error
    if (error.code === 'UNREADABLE') return UNSURE
    if (error.code === 'STALE') return undefined
    throw error
  }
}

async function look(file: SourceFile): Promise<SourceFile | typeof UNSURE | undefined> {
  try {
    const info = await stat(file.local, { bigint: true })
    return info.isFile() ? sourceFile(file.path, file.local, info) : undefined
  } catch (error) {
    return GONE.has((error as NodeJS.ErrnoException).code ?? '') ? undefined : UNSURE
  }
}

function cancelled(error: unknown, signal?: AbortSignal): ArchipelError {
  if (signal?.aborted && error === signal.reason && !(error instanceof ArchipelError))
    return new ArchipelError('CANCELLED', 'publishing was cancelled', { cause: error })
  return toArchipelError(error)
}
