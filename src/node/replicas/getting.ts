/** Asking for a replica: what it is about, whether there is room, and a transfer that will bring it. */
import { isAbsolute } from 'node:path'
import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { TRANSFER_ENDS, type TransferPlan, type TransferPriority } from '../../protocols/model/transfer.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { SourceFile } from '../publish/port.ts'
import type { Block } from './entries.ts'
import type { Evicting } from './evicting.ts'
import type { Find, Found } from './find.ts'
import { folderOf } from './names.ts'
import { type Counted, count } from './plan.ts'
import type { Replica, ReplicaStore, Transfer } from './port.ts'
import { reusable } from './reuse.ts'
import type { ReplicaShelf } from './shelf.ts'
import type { Space } from './space.ts'
import type { Transfers } from './transfers.ts'

export interface GetRequest {
  ref: string
  /** Patterns of paths; none: all files. */
  files?: string[]
  /** Absolute path of a folder on this machine. */
  to?: string
  /** Its beginning is enough. */
  version?: string
  priority?: TransferPriority
  /** From now on new versions are fetched, too. Not with `version`. */
  follow?: boolean
}

export interface GetterComponents {
  /** @see Evicting */
  makeRoom: Evicting['makeRoom']
  self: string
  store: ReplicaStore
  shelf: ReplicaShelf
  transfers: Transfers
  space: Space
  find: Find
  /** As published, where the catalog has it. */
  bodyOf(publisher: string, id: string): Promise<DatasetBody | undefined>
  /** A block of a manifest, from here or from these islands. */
  block(dataset: string, version: string, holders: readonly string[], signal: AbortSignal): Block
  /** Files that this island publishes of a version itself. */
  published(pinned: { id: string; version: string }): Promise<SourceFile[] | undefined>
  nameOf(island: string): string
  rttMs(island: string): number | undefined
  policy: PolicyPort
  newId(): string
}

export interface Getter {
  /** Durable when it resolves. @throws as `ReplicasPort.get` */
  get(request: GetRequest, options: { signal: AbortSignal; user: string; by?: string | undefined }): Promise<Transfer>
  /** What that would bring. */
  plan(request: GetRequest, options: { signal: AbortSignal }): Promise<Omit<TransferPlan, 'quotaLeftBytes'>>
}

export function getter(components: GetterComponents): Getter {
  const { self, store, shelf, transfers: moving, space: room, find, nameOf } = components

  async function counted(found: Found, globs: readonly string[], keep: boolean, signal: AbortSignal): Promise<Counted> {
    const { claim, version, holders } = found
    const folder = folderOf(claim.publisher, claim.id, version)
    const local = shelf.block(folder)
    const remote = components.block(
      claim.id,
      version,
      holders.map((h) => h.island),
      signal,
    )
    const block: Block = async (hash) => (await local(hash).catch(() => undefined)) ?? (await remote(hash))
    return await count(
      { version, globs },
      block,
      (path) => store.file(folder, path),
      async (hash, bytes) => {
        if (keep) await store.commit({ blocks: [{ folder, hash, bytes }] })
      },
      signal,
    )
  }

  const own = (found: Found) => components.published({ id: found.claim.id, version: found.version })

  const follows = ({ publisher, id }: Pick<Replica, 'publisher' | 'id'>) =>
    shelf.all().some((r) => r.publisher === publisher && r.id === id && r.mode === 'follow')

  /** One that asks for the same, and has not ended: it goes on. */
  async function same(folder: string, { to, follow }: GetRequest, globs: string[]): Promise<Transfer | undefined> {
    const asked = moving
      .all()
      .find((t) => t.folder === folder && !TRANSFER_ENDS.has(t.state) && t.to === to && sameList(t.globs, globs))
    if (asked === undefined) return undefined
    if (follow === true)
      await shelf.alone(folder, () => shelf.change(folder, (now) => now && { ...now, mode: 'follow' }))
    return asked.state === 'paused' ? await moving.resume(asked.id) : asked
  }

  const get: Getter['get'] = async (request, { signal, user, by }) => {
    const globs = [...new Set(request.files ?? [])].sort()
    if (request.to !== undefined && !isAbsolute(request.to))
      throw new ArchipelError('BAD_INPUT', 'the folder has to be an absolute path on the machine of the island')
    const found = await find(request.ref, request.version, { signal })
    const { claim, version } = found
    components.policy.check({ island: self, user, action: 'replica:get', datasets: [claim.id] })
    if ((await own(found)) !== undefined && request.to === undefined)
      throw new ArchipelError('DATASET_EXISTS', `this island publishes ${claim.id} itself: its files are here`, {
        hint: 'With --to they are brought to a folder.',
      })
    const folder = folderOf(claim.publisher, claim.id, version)
    const going = await same(folder, request, globs)
    if (going !== undefined) return going
    const added = shelf.get(folder)?.added
    const { total, wanted, here } = await counted(found, globs, true, signal)
    const known = await reusable({ shelf, store }, { ...claim, version, folder, globs })
    const more = (await own(found)) === undefined ? wanted.bytes - here.bytes - known.bytes : 0
    const evicted = await components.makeRoom(more, { by, signal })
    await room.check(more)
    const body = await components.bodyOf(claim.publisher, claim.id)
    const isNewest = body?.version === version
    const now = Date.now()
    const fresh: Replica = {
      folder,
      id: claim.id,
      publisher: claim.publisher,
      version,
      name: claim.name,
      state: 'requested',
      total,
      held: { files: 0, bytes: 0 },
      globs,
      added: now,
    }
    /** What was only read is asked for from now on. */
    const asked = (before: Replica | undefined): Replica => {
      const { read, by: first, ...rest } = before ?? fresh
      // What a person asked for, or asks for now, is nobody else's.
      const asker = before === undefined || read || first !== undefined ? by : undefined
      const mode = rest.mode ?? (request.follow === true || (isNewest && follows(claim)) ? 'follow' : undefined)
      return {
        ...rest,
        globs: read ? globs : bothOf(rest.globs, globs),
        ...(mode === undefined ? {} : { mode }),
        ...(asker === undefined ? {} : { by: asker }),
        ...(isNewest ? { body } : {}),
      }
    }
    const transfer: Transfer = {
      id: components.newId(),
      dataset: claim.id,
      name: claim.name,
      publisher: claim.publisher,
      version,
      folder,
      globs,
      ...(request.to === undefined ? {} : { to: request.to }),
      user,
      priority: request.priority ?? 'normal',
      state: 'requested',
      wanted,
      done: here,
      ...(evicted.length === 0 ? {} : { evicted }),
      created: now,
      updated: now,
      sources: {},
    }
    const isAsked = await shelf.alone(folder, async () => {
      if (shelf.get(folder)?.added !== added) return false
      await moving.add(transfer, asked)
      return true
    })
    // What was counted was dropped meanwhile, or somebody began to read in it.
    return isAsked ? moving.get(transfer.id) : await get(request, { signal, user, by })
  }

  return {
    get,
    async plan(request, { signal }) {
      const found = await find(request.ref, request.version, { signal })
      const { claim, version, holders } = found
      const { wanted, here } = await counted(found, request.files ?? [], false, signal)
      const missing = { files: wanted.files - here.files, bytes: wanted.bytes - here.bytes }
      return {
        dataset: claim.id,
        name: claim.name,
        publisher: { id: claim.publisher, name: nameOf(claim.publisher) },
        version,
        wanted,
        here,
        missing,
        sources: holders.map(({ island, state, confirmed }) => {
          const rttMs = components.rttMs(island)
          return { island, name: nameOf(island), state, confirmed, ...(rttMs === undefined ? {} : { rttMs }) }
        }),
        freeBytes: await room.free(),
      }
    },
  }
}

/** Patterns for what either asks for. */
const bothOf = (a: readonly string[], b: readonly string[]) =>
  a.length === 0 || b.length === 0 ? [] : [...new Set([...a, ...b])]

const sameList = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((each, i) => each === b[i])
