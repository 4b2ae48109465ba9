/** Reads every file anew and compares it with the manifest, whatever `stat` says. */
import { createHash } from 'node:crypto'
import { pieceTableHash } from '../../protocols/manifest/pieces.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { Verification } from '../../protocols/model/transfer.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import type { Located } from '../resolve/port.ts'
import { type Block, pages } from './entries.ts'
import { type OutsideFiles, readSource } from './identity.ts'
import { matches } from './names.ts'
import type { ReplicaStore } from './port.ts'
import type { ReplicaShelf } from './shelf.ts'

export interface VerifierComponents {
  shelf: ReplicaShelf
  store: ReplicaStore
  publisher: Pick<PublisherPort, 'pieceTable'>
  block(dataset: string, version: string, holders: readonly string[], signal: AbortSignal): Block
  /** What this island publishes of it itself, looked at just now, files that changed among them. */
  published(pinned: { id: string; version: string }): Promise<SourceFile[] | undefined>
  /** Own files that lie elsewhere. */
  outside?: OutsideFiles
}

/** Of an outside source that does not answer nobody can tell whether its files are good. */
const NOBODY_CAN_TELL = new Set(['SOURCE_UNREACHABLE', 'SOURCE_REFUSED', 'SOURCE_NOT_ALLOWED'])

export function verifier({ shelf, publisher, block, published, outside }: VerifierComponents) {
  /** @throws DATASET_NOT_FOUND when nothing of it is here; of outside files SOURCE_UNREACHABLE, SOURCE_REFUSED, SOURCE_NOT_ALLOWED */
  return async (claim: Located, checksums: boolean, signal: AbortSignal): Promise<Verification> => {
    const here = shelf.ofClaim(claim.publisher, claim.id)
    const before = new Set<string>()
    if (here !== undefined) for await (const { path } of shelf.files(here.folder)) before.add(path)
    // What looks different is hashed by this already: the same bytes with other times are brought up to date, others lost.
    const replica = here === undefined ? undefined : await shelf.look(here.folder)
    const version = replica?.version ?? claim.version
    const own = await published({ id: claim.id, version: claim.version })
    const files = new Map<string, SourceFile>()
    if (own !== undefined) for (const file of own) files.set(file.path, file)
    else if (replica !== undefined) for await (const file of shelf.files(replica.folder)) files.set(file.path, file)
    if (files.size === 0 && before.size === 0 && replica?.damaged === undefined)
      throw new ArchipelError('DATASET_NOT_FOUND', `nothing of ${claim.id} is at this island`)
    const from =
      own === undefined && replica !== undefined ? shelf.block(replica.folder) : block(claim.id, version, [], signal)
    /** Files that were here, or were asked for and are not being fetched. */
    const idle = replica !== undefined && ['available', 'partial', 'failed'].includes(replica.state)
    const should = (path: string) =>
      own === undefined &&
      replica !== undefined &&
      (before.has(path) || (idle && replica.read === undefined && matches(replica.globs, path)))
    const good = { files: 0, bytes: 0 }
    const bad: string[] = []
    const sums: { path: string; sha256: string }[] = []
    for await (const page of pages(version, from)) {
      for (const { entry } of page) {
        const file = files.get(entry.path)
        if (file === undefined) {
          if (should(entry.path)) bad.push(entry.path)
          continue
        }
        signal.throwIfAborted()
        const table = await publisher.pieceTable(file, { signal }).catch((cause: unknown) => {
          if (NOBODY_CAN_TELL.has(toArchipelError(cause).code)) throw cause
          return undefined
        })
        signal.throwIfAborted()
        if (
          table === undefined ||
          file.size !== entry.size ||
          !sameHash(pieceTableHash(entry.size, table), entry.pieces)
        ) {
          bad.push(entry.path)
          continue
        }
        good.files++
        good.bytes += entry.size
        if (checksums) sums.push({ path: entry.path, sha256: await sha256(outside, file, signal) })
      }
    }
    const after =
      own === undefined && replica !== undefined
        ? await shelf.lose(
            replica.folder,
            bad.filter((path) => files.has(path)),
          )
        : undefined
    const state = own === undefined ? (after?.state ?? 'failed') : bad.length === 0 ? 'available' : 'stale'
    return { dataset: claim.id, version, state, good, bad, ...(checksums ? { checksums: sums } : {}) }
  }
}

const sameHash = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

async function sha256(outside: OutsideFiles | undefined, file: SourceFile, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  const all = { offset: 0, length: file.size }
  for await (const bytes of readSource(outside, file, all, { signal, buffers: 1 })) hash.update(bytes)
  return hash.digest('hex')
}
