import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { HASH_BYTES, pieceCount, pieceSize, pieceTableHash } from '../../../protocols/manifest/pieces.ts'
import type { SourceFile } from '../port.ts'
import { hashFile } from './hash.ts'
import type { ResumeState } from './resume.ts'

export interface HashAllOptions {
  signal?: AbortSignal
  /** Files, and pieces of one file, hashed at once. */
  fileConcurrency: number
  pieceConcurrency: number
  /** Bytes between two saves of a file's progress. */
  checkpointBytes: number
  onProgress?: (done: { files: number; bytes: number }) => void
  /** The table of a file of more than one piece that was hashed now, with its hash. */
  onTable?: (hash: Uint8Array, table: Uint8Array) => void
  /** Of outside files: theirs. */
  hash?: typeof hashFile
  /** The hash of a file that is known from elsewhere to be this very one. */
  known?: (file: SourceFile) => Uint8Array | undefined
  /** Bytes that were not read, since their hashes were known; `whole` when they are the whole file. */
  onReused?: (bytes: number, whole: boolean) => void
}

/**
 * Hashes files, the known parts of them from `state`. Order of the result is that of `files`.
 *
 * @throws STALE, UNREADABLE, CANCELLED as `hashFile`; what was hashed until then is kept in `state`.
 */
export async function hashAll(files: SourceFile[], state: ResumeState, options: HashAllOptions): Promise<FileEntry[]> {
  const entries = new Array<FileEntry>(files.length)
  const done = { files: 0, bytes: 0 }
  const progress = (bytes: number) => {
    done.bytes += bytes
    options.onProgress?.(done)
  }
  let next = 0
  let failed = false

  async function worker(): Promise<void> {
    while (next < files.length && !failed) {
      const index = next++
      const file = files[index]!
      options.signal?.throwIfAborted()
      entries[index] = { path: file.path, size: file.size, pieces: await hashOne(file, state, options, progress) }
      done.files++
      progress(0)
    }
  }

  try {
    const workers = Array.from({ length: Math.min(options.fileConcurrency, files.length) }, () =>
      worker().catch((error: unknown) => {
        failed = true
        throw error
      }),
    )
    const failure = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  } finally {
    state.flush()
  }
  return entries
}

async function hashOne(
  file: SourceFile,
  state: ResumeState,
  options: HashAllOptions,
  onBytes: (bytes: number) => void,
): Promise<Uint8Array> {
  const remembered = state.get(file)
  const earlier = remembered !== undefined && 'done' in remembered ? undefined : options.known?.(file)
  const known = earlier === undefined ? remembered : { done: earlier }
  if (known !== undefined && 'done' in known) {
    // Put again: it was of use just now.
    state.put(file, known)
    options.onReused?.(file.size, true)
    onBytes(file.size)
    return known.done
  }
  const partial =
    known !== undefined &&
    known.partial.length <= pieceCount(file.size) * HASH_BYTES &&
    known.partial.length % HASH_BYTES === 0
      ? known.partial
      : undefined
  let saved = partial === undefined ? 0 : partial.length / HASH_BYTES
  let latest: { table: Buffer; count: number } | undefined
  const every = Math.max(1, Math.floor(options.checkpointBytes / pieceSize(file.size)))
  const save = () => {
    if (latest === undefined || latest.count === saved) return
    saved = latest.count
    state.put(file, { partial: Uint8Array.from(latest.table.subarray(0, saved * HASH_BYTES)) })
  }
  const begun = Math.min(file.size, saved * pieceSize(file.size))
  options.onReused?.(begun, false)
  onBytes(begun)
  try {
    const table = await (options.hash ?? hashFile)(file, {
      ...(options.signal && { signal: options.signal }),
      ...(partial && { known: partial }),
      concurrency: options.pieceConcurrency,
      onBytes,
      onPieces(current, count) {
        latest = { table: current, count }
        if (count - saved < every) return
        save()
        state.flush()
      },
    })
    const hash = pieceTableHash(file.size, table)
    state.put(file, { done: hash })
    if (table.length > HASH_BYTES) options.onTable?.(hash, table)
    return hash
  } catch (error) {
    save()
    throw error
  }
}
