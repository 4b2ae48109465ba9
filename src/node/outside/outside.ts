/** Outside sources of an island: listed, looked at, read, and copied for what needs local files. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { HASH_BYTES, pieceCount, pieceRange } from '../../protocols/manifest/pieces.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { SourceFile } from '../publish/port.ts'
import { type Endpoint, endpointOf, parseEndpoints } from './endpoint.ts'
import { hdfsSource } from './hdfs.ts'
import { httpSource, httpWay, type Way } from './http.ts'
import { hidesDots, isOutside, type Kind, normalised, publicPlace } from './location.ts'
import type { Listed, OutsideRef, OutsideSource } from './port.ts'
import { rcloneSource } from './rclone.ts'
import { s3Source } from './s3.ts'
import { type BringOptions, stage } from './stage.ts'
import { xrootdSource } from './xrootd.ts'

export interface OutsideInit {
  /** As in `outside.sources`. */
  sources: readonly string[]
  /** Of local copies, and their bound in bytes. */
  dir: string
  cacheBytes: number
  /** Milliseconds before the second try of a call; twice as long before each further one. Default 250. */
  againMs?: number
}

export interface OutsidePort {
  /** Whether a text, or the place of a source file, is in an outside source. */
  isOutside(place: string): boolean
  /** One spelling of a place that everybody may be told. @throws BAD_INPUT for what is neither of the web nor of S3 */
  publicPlace(text: string): string
  /** Whether that is a public place in its one spelling, and `isAnonymous`: others may say that it is to be read. */
  isOpen(place: string): boolean
  /** Whether the operator names that place, or one around it, without anything secret. */
  isAnonymous(place: string): boolean
  /** Files below a place, as they are now. @throws BAD_INPUT, SOURCE_NOT_ALLOWED, SOURCE_REFUSED, SOURCE_UNREACHABLE, NOT_FOUND */
  list(place: string, signal: AbortSignal): AsyncIterable<Listed>
  /** Undefined where it is not that file any more. @throws SOURCE_REFUSED, SOURCE_UNREACHABLE when nobody can tell */
  look(file: SourceFile, signal?: AbortSignal): Promise<SourceFile | undefined>
  /** Bytes of that very file, all that were asked for. @throws STALE, SOURCE_REFUSED, SOURCE_UNREACHABLE */
  read(file: SourceFile, range: { offset: number; length: number }, signal: AbortSignal): AsyncGenerator<Uint8Array>
  /** The hashes of the pieces, from those known on. @throws as `read` */
  hash(file: SourceFile, options: HashOptions): Promise<Buffer>
  /** Copies of these files on this machine, in their order. @throws as `read`; QUOTA_EXCEEDED */
  copies(files: readonly SourceFile[], options: BringOptions): Promise<string[]>
  /** Whether so many bytes may be copied. */
  fits(bytes: number): boolean
  stop(): Promise<void>
}

export interface HashOptions {
  signal?: AbortSignal
  known?: Uint8Array
  onBytes?: (bytes: number) => void
  onPieces?: (table: Buffer, count: number) => void
}

/** Options that say who asks. */
const SECRETS = ['token', 'credentials']
const FAILURES = 5
const FIRST_AGAIN_MS = 250
const NEVER = new AbortController().signal
/** What was seen of a file so lately is not asked again: every byte that is read is checked anyway. */
const SEEN_MS = 15_000
const MAX_SEEN = 100_000

/** One for each entry; those of the web share one, since a redirect leads from entry to entry. */
const SOURCES: Record<Exclude<Kind, 'http'>, (endpoint: Endpoint) => OutsideSource> = {
  s3: s3Source,
  hdfs: hdfsSource,
  root: xrootdSource,
  rclone: rcloneSource,
}

/** @throws CONFIG_INVALID */
export function outside(init: OutsideInit): OutsidePort {
  const endpoints = parseEndpoints(init.sources)
  const { againMs = FIRST_AGAIN_MS } = init
  const ways = new Map<Endpoint, Way>()
  const others = new Map<Endpoint, OutsideSource>()
  for (const endpoint of endpoints)
    if (endpoint.kind === 'http') ways.set(endpoint, httpWay(endpoint))
    else others.set(endpoint, SOURCES[endpoint.kind](endpoint))
  const web = httpSource((url) => {
    // A redirect has not been looked at before.
    const endpoint = hidesDots(new URL(url)) ? undefined : endpointOf([...ways.keys()], url)
    return endpoint && ways.get(endpoint)
  })
  const seen = new Map<string, number>()
  const keyOf = ({ local, size, mtimeNs }: SourceFile) => `${local}\0${size}\0${mtimeNs}`

  /** @throws SOURCE_NOT_ALLOWED */
  function sourceOf(url: string): OutsideSource {
    const endpoint = endpointOf(endpoints, url)
    if (endpoint === undefined)
      throw new ArchipelError('SOURCE_NOT_ALLOWED', 'that outside source is not one of those that this island may read')
    return others.get(endpoint) ?? web
  }

  function isAnonymous(place: string): boolean {
    const options = endpointOf(endpoints, place)?.options
    return options !== undefined && SECRETS.every((name) => options[name] === undefined)
  }

  async function* read(ref: OutsideRef, { offset, length }: { offset: number; length: number }, signal: AbortSignal) {
    const source = sourceOf(ref.url)
    let done = 0
    for (let failures = 0; done < length; ) {
      let failure: unknown
      try {
        for await (const bytes of source.read(ref, { offset: offset + done, length: length - done }, signal)) {
          done += bytes.length
          failures = 0
          yield bytes
        }
        if (done < length)
          failure = new ArchipelError('SOURCE_UNREACHABLE', 'the outside source ended in the middle of a file')
      } catch (cause) {
        failure = cause
      }
      if (failure !== undefined) await again(failure, ++failures, againMs, signal)
    }
  }

  async function* list(place: string, signal: AbortSignal): AsyncGenerator<Listed> {
    const url = normalised(place)
    yield* sourceOf(url).list(url, signal)
  }

  async function look(file: SourceFile, signal: AbortSignal = NEVER): Promise<SourceFile | undefined> {
    const key = keyOf(file)
    if (Date.now() - (seen.get(key) ?? 0) < SEEN_MS) return file
    for (let failures = 0; ; ) {
      try {
        const { size, tag } = await sourceOf(file.local).stat(file.local, signal)
        if (size !== file.size || tag !== file.mtimeNs) return undefined
        if (seen.size >= MAX_SEEN) seen.clear()
        seen.set(key, Date.now())
        return file
      } catch (cause) {
        const { code } = toArchipelError(cause)
        if (code === 'NOT_FOUND' || code === 'STALE' || code === 'UNREADABLE') return undefined
        await again(cause, ++failures, againMs, signal)
      }
    }
  }

  async function* readFile(file: SourceFile, range: { offset: number; length: number }, signal: AbortSignal) {
    try {
      yield* read(refOf(file), range, signal)
    } catch (cause) {
      seen.delete(keyOf(file))
      throw named(file, cause)
    }
  }

  const copies = stage({ dir: init.dir, maxBytes: init.cacheBytes }, { read })

  return {
    isOutside,
    publicPlace,
    isOpen: (place) => isPublic(place) && isAnonymous(place),
    isAnonymous,
    list,
    look,
    read: readFile,
    hash: (file, options) => hashPieces(file, options, readFile),
    copies: (files, options) =>
      copies.bring(
        files.map((file) => ({ ...refOf(file), path: file.path })),
        options,
      ),
    fits: copies.fits,
    async stop() {
      await Promise.all([
        ...[...ways.values()].map((way) => way.dispatcher.destroy()),
        ...[...others.values()].map((each) => each.close()),
      ])
    },
  }
}

function isPublic(place: string): boolean {
  try {
    return publicPlace(place) === place
  } catch {
    return false
  }
}

/** Among the files of a dataset, place and tag stand where path and time of a local one do. */
const refOf = ({ local, size, mtimeNs }: SourceFile): OutsideRef => ({ url: local, size, tag: mtimeNs })

/** Waits before the next try. @throws the failure, where no other try would end otherwise */
async function again(failure: unknown, failures: number, firstMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (toArchipelError(failure).code !== 'SOURCE_UNREACHABLE' || failures >= FAILURES) throw failure
  await sleep(firstMs * 2 ** (failures - 1), undefined, { signal })
}

/** With the path inside the dataset, as for local files. */
function named(file: SourceFile, cause: unknown): unknown {
  if (!(cause instanceof ArchipelError)) return cause
  return new ArchipelError(cause.code, `${JSON.stringify(file.path)}: ${cause.message}`, {
    details: { path: file.path },
    cause,
  })
}

async function hashPieces(
  file: SourceFile,
  { signal = NEVER, known, onBytes, onPieces }: HashOptions,
  read: OutsidePort['read'],
): Promise<Buffer> {
  const table = Buffer.alloc(pieceCount(file.size) * HASH_BYTES)
  if (known !== undefined) table.set(known)
  let index = (known?.length ?? 0) / HASH_BYTES
  if (index * HASH_BYTES === table.length) return table
  let { offset, length } = pieceRange(file.size, index)
  let hash = createHash('sha256')
  for await (let bytes of read(file, { offset, length: file.size - offset }, signal)) {
    onBytes?.(bytes.length)
    while (bytes.length > 0) {
      const part = bytes.subarray(0, length)
      hash.update(part)
      length -= part.length
      bytes = bytes.subarray(part.length)
      if (length > 0) continue
      hash.digest().copy(table, index * HASH_BYTES)
      index++
      onPieces?.(table, index)
      hash = createHash('sha256')
      if (index * HASH_BYTES < table.length) length = pieceRange(file.size, index).length
    }
  }
  return table
}
