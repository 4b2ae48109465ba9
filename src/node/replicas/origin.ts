/** A dataset from where its publisher says that everybody may have it: asked like one more holder, and believed no more than one. */
import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { OutsidePort } from '../outside/outside.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import type { Claim, LocatedHolder } from '../resolve/port.ts'
import type { Block } from './entries.ts'
import type { RemoteHolder } from './run/port.ts'

export interface OriginsComponents {
  outside: Pick<OutsidePort, 'isOpen' | 'list' | 'read'>
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

/** Whether a holder is no island. */
export const isOrigin = (holder: string) => holder.startsWith(PREFIX)

interface Copy {
  /** Blocks of the manifest by their hash. */
  manifest: ReadonlyMap<string, Uint8Array>
  version: string
}

export function origins({ outside, publisher, bodyOf }: OriginsComponents): Origins {
  const copies = new Map<string, Promise<Copy>>()
  const places = new Map<string, Promise<SourceFile>>()
  const lists = new Map<string, Promise<Map<string, SourceFile>>>()

  async function placeOf(holder: string, dataset: string, version: string): Promise<{ place: string; files: number }> {
    const body = await bodyOf(holder.slice(PREFIX.length), dataset)
    if (body?.origin === undefined || body.version !== version || !outside.isOpen(body.origin))
      throw new ArchipelError('DATASET_NOT_FOUND', 'that version has no origin which this island may read')
    return { place: body.origin, files: body.files }
  }

  async function listOf(place: string, signal: AbortSignal): Promise<Map<string, SourceFile>> {
    const found = new Map<string, SourceFile>()
    for await (const { path, url, size, tag } of outside.list(place, signal))
      found.set(path.normalize('NFC'), { path, local: url, size, mtimeNs: tag, ctimeNs: '', ino: '' })
    return found
  }

  /** Folders of web servers cannot be listed: there each file is looked for where its path says. */
  async function fileOf(place: string, path: string, signal: AbortSignal): Promise<SourceFile> {
    const isFolder = /^https?:.*\/$/.test(place)
    const at = isFolder ? place + path.split('/').map(encodeURIComponent).join('/') : place
    const list = await remembered(lists, at, () => listOf(at, signal))
    const file = isFolder ? [...list.values()][0] : list.get(path)
    if (file === undefined)
      throw new ArchipelError('NOT_FOUND', 'the origin of the dataset has no such file', { details: { path } })
    return { ...file, path }
  }

  const located = (place: string, path: string, signal: AbortSignal) =>
    remembered(places, `${place}\0${path}`, () => fileOf(place, path, signal))

  /** What is there is looked for anew when it was not what was seen. */
  function told(cause: unknown, path: string): ArchipelError {
    places.clear()
    lists.clear()
    const { code, message } = toArchipelError(cause)
    return new ArchipelError(code, message, { details: { path }, cause })
  }

  async function copyOf(place: string, signal: AbortSignal): Promise<Copy> {
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
          const { place } = await placeOf(holder, dataset, version)
          for (const [at, path] of paths.entries()) {
            try {
              yield { path: at, table: await publisher.pieceTable(await located(place, path, signal), { signal }) }
            } catch (cause) {
              throw told(cause, path)
            }
          }
        },
        async *ranges({ dataset, version, ranges }, signal) {
          const { place } = await placeOf(holder, dataset, version)
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
        const { place } = await placeOf(origin, dataset, version)
        // A folder of a web server cannot be listed, so that nobody knows what is in it.
        if (/^https?:.*\/$/.test(place)) throw cause
        const copy = await remembered(copies, `${place}\0${version}`, () => copyOf(place, signal))
        const bytes = copy.version === version ? copy.manifest.get(hash) : undefined
        if (bytes !== undefined) return bytes
        copies.clear()
        throw new ArchipelError('BAD_DATA', 'the origin of the dataset has other files by now than those published', {
          hint: 'Wait for an island that holds this version, or for its publisher.',
          cause,
        })
      }
    },
  }
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
