/** Files of outside sources as local ones, for work that reads local files. */
import { stat } from 'node:fs/promises'
import { pieceTableHash } from '../../protocols/manifest/pieces.ts'
import { readFiles } from '../../protocols/manifest/read.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { OutsidePort } from '../outside/outside.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import type { PublicationStore } from './port.ts'

export interface CopiesComponents {
  outside: Pick<OutsidePort, 'isOutside' | 'copies'>
  store: Pick<PublicationStore, 'manifest'>
  publisher: Pick<PublisherPort, 'pieceTable'>
  /** Whether Spark is told where it finds what is at a place outside. */
  sparkReads?: (place: string) => boolean
}

/**
 * Local paths of the files of a publication, or, `inPlace`, their places where Spark reads all of them there. A copy is
 * compared with the manifest before it is read; of a file that is read in place it is known that its service says the same of it
 * before and after.
 *
 * @throws STALE where a service gives other bytes than those published; as `OutsidePort.copies`
 */
export function localCopies({ outside, store, publisher, sparkReads }: CopiesComponents, stopping: AbortSignal) {
  async function pieces(id: string, version: string): Promise<Map<string, Uint8Array>> {
    const manifest = await store.manifest(id, version)
    return new Map([...readFiles(version, (hash) => manifest.get(hash))].map((entry) => [entry.path, entry.pieces]))
  }

  return async (source: readonly SourceFile[], id: string, version: string, inPlace = false): Promise<string[]> => {
    const isReady = ({ local }: SourceFile) => !outside.isOutside(local) || (inPlace && sparkReads?.(local) === true)
    if (source.every(isReady)) return source.map(({ local }) => local)
    let known: Promise<Map<string, Uint8Array>> | undefined
    return await outside.copies(source, {
      signal: stopping,
      async check(index, local) {
        known ??= pieces(id, version)
        const { path, size } = source[index]!
        const info = await stat(local, { bigint: true })
        const times = { mtimeNs: String(info.mtimeNs), ctimeNs: String(info.ctimeNs), ino: String(info.ino) }
        const table = await publisher.pieceTable({ path, local, size, ...times }, { signal: stopping })
        if (Buffer.compare(pieceTableHash(size, table), (await known).get(path) ?? Buffer.alloc(0)) === 0) return
        throw new ArchipelError(
          'STALE',
          `the outside source gives other bytes of ${JSON.stringify(path)} than those published`,
        )
      },
    })
  }
}
