/** A dataset from where its publisher says that everybody may have it: asked like one more holder, and believed no more than one. */
import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { OutsidePort } from '../outside/outside.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import type { Claim, LocatedHolder } from '../resolve/port.ts'
import type { Block } from './entries.ts'
import type { RemoteHolder } from './run/port.ts'

export interface OriginsComponents {
  outside: Pick<OutsidePort, 'isOpen' | 'isAnonymous' | 'list' | 'read'>
  publisher: Pick<PublisherPort, 'prepare' | 'pieceTable'>
  bodyOf(publisher: string, id: string): Promise<DatasetBody | undefined>
}

export interface Origins {
  /** As one holder more, where that version has an origin that this island may read. */
  holderOf(claim: Pick<Claim, 'id' | 'publisher'>, version: string): Promise<LocatedHolder | undefined>
  /** Undefined for an island. */
  remote(holder: string): RemoteHolder | undefined
  /** Where no island gives a block, the list of files is made from those that are there; it is that of the version, or counts for nothing. */
  block(dataset: string, version: string, holders: readonly string[], islands: Block, signal: AbortSignal): Block
}

const PREFIX = 'origin:'
/** Versions whose lists and places are remembered. */
const KEPT = 8
/** Files of an origin beyond twice those of the version, and in all: what is listed is kept in memory. */
const MORE_FILES = 10_000
const MAX_FILES = 1_000_000
/** Bytes of marks and the like, which no dataset has, before a list of files is made. */
const MORE_BYTES = 1024 * 1024

/** Whether a holder is no island. */
export const isOrigin = (holder: string) => holder.startsWith(PREFIX)

interface Place {
  place: string
  /** Of the version. */
  files: number
  bytes: number
}

interface Copy {
  /** Blocks of the manifest by their hash. */
  manifest: ReadonlyMap<string, Uint8Array>
  version: string
}

export function origins({ outside, publisher, bodyOf }: OriginsComponents): Origins {
  const copies = new Map<string, Promise<Copy>>()
  const places = new Map<string, Promise<SourceFile>>()
  const lists = new Map<string, Promise<Map<string, SourceFile>>>()

  async function placeOf(holder: string, dataset: string, version: string): Promise<Place> {
    const body = await bodyOf(holder.slice(PREFIX.length), dataset)
    if (body?.origin === undefined || body.version !== version || !outside.isOpen(body.origin))
      throw new ArchipelError('DATASET_NOT_FOUND', 'that version has no origin which this island may read')
    return { place: body.origin, files: body.files, bytes: body.size }
  }

  async function listOf(
    { place, files }: Pick<Place, 'place' | 'files'>,
    signal: AbortSignal,
  ): Promise<Map<string, SourceFile>> {
    const found = new Map<string, SourceFile>()
    const most = Math.min(MAX_FILES, 2 * files + MORE_FILES)
    for await (const { path, url, size, tag } of outside.list(place, signal)) {
      found.set(path.normalize('NFC'), { path, local: url, size, mtimeNs: tag, ctimeNs: '', ino: '' })
      if (found.size > most)
        throw new ArchipelError('TOO_LARGE', `the origin of the dataset has more than ${most} files`)
    }
    return found
  }

  /** Below an open place may be one that the operator names with a secret: nobody else says what is read there. */
  function refuseSecrets(place: string): void {
    if (!outside.isAnonymous(place))
      throw new ArchipelError('SOURCE_NOT_ALLOWED', 'the origin of the dataset leads to a place that is not open here')
  }

  /** Folders of web servers cannot be listed: there each file is looked for where its path says. */
  async function fileOf({ place, files }: Place, path: string, signal: AbortSignal): Promise<SourceFile> {
    const isFolder = /^https?:.*\/$/.test(place)
    const at = isFolder ? place + path.split('/').map(encodeURIComponent).join('/') : place
    refuseSecrets(at)
    const list = await remembered(lists, at, () => listOf({ place: at, files }, signal))
    const file = isFolder ? [...list.values()][0] : list.get(path)
    if (file === undefined)
      throw new ArchipelError('NOT_FOUND', 'the origin of the dataset has no such file', { details: { path } })
    refuseSecrets(file.local)
    return { ...file, path }
  }

  const located = (from: Place, path: string, signal: AbortSignal) =>
    remembered(places, `${from.place}\0${path}`, () => fileOf(from, path, signal))

  /** What is there is looked for anew when it was not what was seen. */
  function told(cause: unknown, path: string): ArchipelError {
    places.clear()
    lists.clear()
    const { code, message } = toArchipelError(cause)
    return new ArchipelError(code, message, { details: { path }, cause })
  }

  /** Whoever names an origin does not decide how much is read there, either. */
  async function copyOf(from: Place, signal: AbortSignal): Promise<Copy> {
    const { place } = from
    let bytes = 0
    for (const { path, local, size } of (await listOf(from, signal)).values()) {
      refuseSecrets(local)
      if (!/(^|\/)\./.test(path)) bytes += size
    }
    if (bytes > from.bytes + MORE_BYTES) throw otherFiles()
    const { body, manifest } = await publisher.prepare(
      { path: place, as: 'files', name: 'origin' },
      { defaultId: (name) => `urn:${name}`, signal },
    )
    return { manifest, version: body.version }
  }

  return {
    async holderOf({ id, publisher: of }, version) {
      const body = await bodyOf(of, id)
      if (body?.origin === undefined || body.version !== version || !outside.isOpen(body.origin)) return undefined
      const known = { via: ['catalog' as const], freshness: Date.parse(body.modified), confirmed: false }
      return { island: PREFIX + of, state: 'available', version, ...known }
    },

    remote(holder) {
      if (!isOrigin(holder)) return undefined
      return {
        async have({ dataset, version }) {
          return { files: (await placeOf(holder, dataset, version)).files }
        },
        async *tables({ dataset, version, paths }, signal) {
          const place = await placeOf(holder, dataset, version)
          for (const [at, path] of paths.entries()) {
            try {
              yield { path: at, table: await publisher.pieceTable(await located(place, path, signal), { signal }) }
            } catch (cause) {
              throw told(cause, path)
            }
          }
        },
        async *ranges({ dataset, version, ranges }, signal) {
          const place = await placeOf(holder, dataset, version)
          for (const [range, { path, ...part }] of ranges.entries()) {
            try {
              for await (const bytes of outside.read(await located(place, path, signal), part, signal))
                yield { range, bytes }
            } catch (cause) {
              throw told(cause, path)
            }
          }
        },
      }
    },

    block: (dataset, version, holders, islands, signal) => async (hash) => {
      try {
        return await islands(hash)
      } catch (cause) {
        const origin = holders.find(isOrigin)
        if (origin === undefined || toArchipelError(cause).code !== 'NO_HOLDER') throw cause
        const from = await placeOf(origin, dataset, version)
        const { place } = from
        // A folder of a web server cannot be listed, so that nobody knows what is in it.
        if (/^https?:.*\/$/.test(place)) throw cause
        const copy = await remembered(copies, `${place}\0${version}`, () => copyOf(from, signal))
        const bytes = copy.version === version ? copy.manifest.get(hash) : undefined
        if (bytes !== undefined) return bytes
        copies.clear()
        throw otherFiles(cause)
      }
    },
  }
}

function otherFiles(cause?: unknown): ArchipelError {
  return new ArchipelError('BAD_DATA', 'the origin of the dataset has other files by now than those published', {
    hint: 'Wait for an island that holds this version, or for its publisher.',
    cause,
  })
}

/** What failed is not remembered. */
async function remembered<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const before = known.get(key)
  if (before !== undefined) return await before
  for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - KEPT))) known.delete(oldest)
  const made = make()
  known.set(key, made)
  try {
    return await made
  } catch (cause) {
    known.delete(key)
    throw cause
  }
}
