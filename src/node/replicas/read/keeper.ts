/** Pieces that were fetched to be read stay: a replica grows by what is read of it. */
import { mkdir } from 'node:fs/promises'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { hasBit } from '../../../protocols/transfer/messages.ts'
import { type Amount, type FileState, grown, type Replica, type ReplicaStore, type StoredFile } from '../port.ts'
import { partHolds, remembered } from '../run/loader.ts'
import { fileWork } from '../run/work.ts'
import { writer } from '../run/writer.ts'
import type { ReplicaShelf } from '../shelf.ts'
import type { Transfers } from '../transfers.ts'

export interface KeeperComponents {
  store: ReplicaStore
  shelf: Pick<ReplicaShelf, 'alone' | 'change' | 'get' | 'places'>
  transfers: Pick<Transfers, 'writes' | 'offer' | 'brought'>
  /** @throws DISK_FULL */
  checkSpace(): Promise<void>
}

export interface Keeper {
  /**
   * Puts a verified piece on the disk and into the state, in this order; where a transfer writes into the folder, it does.
   *
   * @param replica as it was when the piece was asked for: of one that was dropped since, nothing is kept
   * @throws DISK_FULL
   */
  keep(replica: Replica, entry: FileEntry, index: number, bytes: Uint8Array): Promise<void>
  /** The pieces of that file are not what they were: they count no more. */
  lose(replica: Replica, entry: FileEntry): Promise<void>
}

/** All at once: a piece is made durable by itself. */
const BATCH = { batchBytes: Number.MAX_SAFE_INTEGER, batchPieces: Number.MAX_SAFE_INTEGER }

export function keeper({ store, shelf, transfers, checkSpace }: KeeperComponents): Keeper {
  const isStill = ({ folder, added }: Replica) => shelf.get(folder)?.added === added

  async function save(folder: string, path: string, files: StoredFile[], done: Amount): Promise<void> {
    const next = (now: Replica | undefined) => {
      const replica = now && grown(now, files, done)
      return replica && { ...replica, state: stateOf(replica) }
    }
    await shelf.change(folder, next, { files })
    await transfers.brought(folder, path, done)
  }

  /** Which pieces of it are really here. */
  async function standing(folder: string, entry: FileEntry): Promise<FileState | undefined> {
    const state = await store.file(folder, entry.path)
    if (state === undefined || 'done' in state) return state
    if (await partHolds(shelf.places(folder), entry, state.pieces)) return state
    await forget(folder, entry, state)
    return undefined
  }

  async function forget(folder: string, entry: FileEntry, state: FileState): Promise<void> {
    const before = remembered(entry, state)
    await save(folder, entry.path, [{ folder, path: entry.path, state: null }], { files: 0, bytes: -before.bytes })
  }

  return {
    keep: (replica, entry, index, bytes) =>
      shelf.alone(replica.folder, async () => {
        const { folder } = replica
        if (!isStill(replica)) return
        if (transfers.writes(folder)) {
          await transfers.offer(folder, entry.path, index, bytes)
          return
        }
        const state = await standing(folder, entry)
        if (state !== undefined && ('done' in state || hasBit(state.pieces, index))) return
        const places = shelf.places(folder)
        await mkdir(places.files, { recursive: true, mode: 0o700 })
        await mkdir(places.parts, { recursive: true, mode: 0o700 })
        const file = fileWork(entry, 0, state?.pieces)
        const piece = file.pieces.find((p) => p.index === index)
        if (piece === undefined) return
        const out = writer(
          { folder, places, ...BATCH },
          {
            save: (files, done) => save(folder, entry.path, files, done),
            checkSpace,
            durable: () => --file.left === 0,
          },
        )
        try {
          await out.write(piece, bytes)
          await out.commit()
        } finally {
          await out.close()
        }
      }),
    lose: (replica, entry) =>
      shelf.alone(replica.folder, async () => {
        if (!isStill(replica) || transfers.writes(replica.folder)) return
        const state = await store.file(replica.folder, entry.path)
        if (state !== undefined && 'pieces' in state) await forget(replica.folder, entry, state)
      }),
  }
}

/** A transfer that waits for its turn says what it is; else it is what is here. */
function stateOf({ state, held, total }: Replica): Replica['state'] {
  if (held.files === total.files) return 'available'
  return state === 'requested' || state === 'transferring' || state === 'verifying' ? state : 'partial'
}
