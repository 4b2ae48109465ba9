/** Replicas of other islands' datasets: got, read, verified, dropped. */
import type { Logger } from 'pino'
import type { CallOptions } from '../../protocols/model/call-options.ts'
import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { pageOf } from '../../protocols/model/paging.ts'
import type { DropPlan, ReplicaMode, ReplicaPage, ReplicaView } from '../../protocols/model/replica.ts'
import {
  TRANSFER_ENDS,
  type TransferPlan,
  type TransferPriority,
  type TransferView,
  type Verification,
} from '../../protocols/model/transfer.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import type { PublishedOptions } from '../datasets/datasets.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { PromisesPort } from '../promises/port.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import type { Located, LocatedHolder } from '../resolve/port.ts'
import { tellBad } from './bad-piece.ts'
import { bringTo } from './bring-to.ts'
import { type Care, type CareInit, care } from './care.ts'
import { dropper } from './dropping.ts'
import type { Block } from './entries.ts'
import { evicting, type Needs } from './evicting.ts'
import { finder } from './find.ts'
import { follower } from './follow.ts'
import { type GetRequest, getter } from './getting.ts'
import type { OutsideFiles } from './identity.ts'
import { keeping } from './keeping.ts'
import { folderOf } from './names.ts'
import type { Replica, ReplicaStore, Transfer } from './port.ts'
import { pieceFetcher } from './read/holders.ts'
import { keeper } from './read/keeper.ts'
import { pieces } from './read/pieces.ts'
import { type FileReading, reader, type VersionUse } from './read/reader.ts'
import { reuse } from './reuse.ts'
import type { RemoteOf } from './run/port.ts'
import type { HeldFiles } from './serve/port.ts'
import type { Claimed, ReplicaShelf } from './shelf.ts'
import { type Space, space } from './space.ts'
import { type Transfers, transfers } from './transfers.ts'
import { verifier } from './verify.ts'
import { replicaView, transferView } from './views.ts'

export type { GetRequest, VersionUse }

export interface ReplicasInit {
  self: string
  dir: string
  quotaBytes: number
  /** Whether replicas make room for others. */
  evict: boolean
  scrub: CareInit
  /** Bytes that stay free on the disk. Default 64 MiB. */
  reserveBytes?: number
  active: number
  downBytesPerSecond: number
  downBytesPerSecondPerIsland: number
  kept: number
}

export interface ReplicasComponents {
  store: ReplicaStore
  shelf: ReplicaShelf
  publisher: Pick<PublisherPort, 'pieceTable'>
  /** Everything known of a dataset; holders are asked just now, unless `known`, from the catalog, is enough. @throws BAD_ID, DATASET_NOT_FOUND */
  locate(ref: string, options: { signal: AbortSignal; known?: boolean; version?: string }): Promise<Located[]>
  /** Where a version is beside islands, as one more holder. */
  origin?(claim: Located, version: string): Promise<LocatedHolder | undefined>
  /** The one that is meant. @throws AMBIGUOUS */
  one(ref: string, located: Located[]): Located
  /** As published, where the catalog has it. */
  bodyOf(publisher: string, id: string): Promise<DatasetBody | undefined>
  /** A block of a manifest, from here or from these islands. */
  block(dataset: string, version: string, holders: readonly string[], signal: AbortSignal): Block
  /** Files that this island publishes of a version itself. */
  published(pinned: { id: string; version: string }, options?: PublishedOptions): Promise<SourceFile[] | undefined>
  remote: RemoteOf
  /** Files that are here whole. */
  held: Pick<HeldFiles, 'file' | 'look'>
  /** Own files that lie elsewhere. */
  outside?: OutsideFiles
  /** Deletes a whole copy when enough others promised to keep theirs. @throws LAST_COPY, BELOW_RULE, PROMISE_MISSING, DROP_CONFLICT, DROP_PROMISED */
  dropCopy: PromisesPort['drop']
  needs: Needs
  nameOf(island: string): string
  rttMs(island: string): number | undefined
  policy: PolicyPort
  journal: JournalPort
  /** The machine has better to do than to read files anew. */
  busy(): boolean
  newId(): string
  logger: Logger
}

interface GetOptions extends CallOptions {
  /** What asks, where that is no person: `rule <id>`, `subscription <id>`, `request <id>`. */
  by?: string
}

export interface ReplicasPort {
  start(): Promise<void>
  /** When others can be reached. */
  resumeAll(): Promise<void>
  stop(): Promise<void>
  /** Durable when it resolves. @throws DATASET_NOT_FOUND, AMBIGUOUS, NO_HOLDER, NOT_FOUND, QUOTA_EXCEEDED, DISK_FULL, RECORD_INVALID, FORBIDDEN */
  get(request: GetRequest, options?: GetOptions): Promise<TransferView>
  plan(request: GetRequest, options?: CallOptions): Promise<TransferPlan>
  /** Tells others that those of these for which the quota has room will be brought, before they are asked for. */
  claim(versions: readonly (Claimed & { bytes: number })[]): Promise<void>
  /** After it was asked for, or could not be. */
  unclaim(version: Claimed): Promise<void>
  /** A file of any dataset; nothing of it is read before its `open`. @throws as `Reader` */
  read(
    request: { ref: string; path: string; version?: string | undefined },
    options?: CallOptions,
  ): Promise<FileReading>
  /** What a version consists of is here from then on, no byte of its files. @throws DATASET_EXISTS (it is published here), and as `read` */
  keepManifest(request: { ref: string; version: string }, options: { signal: AbortSignal }): Promise<void>
  /** Called when bytes of a version are wanted here: by a reader, or by a get. */
  onUse(listener: (use: VersionUse) => void): void
  list(): TransferView[]
  show(id: string): TransferView
  /** Whether somebody, or a full disk, paused a transfer of that version. */
  isPaused(of: { publisher: string; id: string; version: string }): boolean
  pause(id: string): Promise<TransferView>
  resume(id: string): Promise<TransferView>
  cancel(id: string): Promise<TransferView>
  prioritise(id: string, priority: TransferPriority): Promise<TransferView>
  /** Those that are here, by name. */
  replicas(page: { limit: number; cursor: string | undefined }): ReplicaPage
  /** @param ref id or short name; `<id>@<publisher>` @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version here) */
  keep(ref: string, request: { mode: ReplicaMode; version?: string }, options?: CallOptions): Promise<ReplicaView>
  /** A record of this dataset changed. */
  look(publisher: string, id: string): void
  verify(ref: string, request: { checksums?: boolean }, options?: CallOptions): Promise<Verification>
  /** @throws DATASET_NOT_FOUND; without `force` LAST_COPY, BELOW_RULE, PROMISE_MISSING, DROP_CONFLICT; DROP_PROMISED */
  drop(ref: string, request: { force?: boolean }, options?: CallOptions): Promise<{ id: string; bytes: number }>
  /** What that would do. @throws DATASET_NOT_FOUND, AMBIGUOUS */
  dropPlan(ref: string, options?: CallOptions): Promise<DropPlan>
  numbers(): {
    states: Record<string, number>
    bytes: number
    transfers: Record<string, number>
    receivedBytes: number
    care: ReturnType<Care['numbers']>
  }
}

const NEVER = new AbortController().signal
export function replicas(init: ReplicasInit, components: ReplicasComponents): ReplicasPort {
  const { store, shelf, policy, journal, nameOf } = components
  const stopping = new AbortController()
  const heldBytes = () => shelf.all().reduce((sum, r) => sum + r.held.bytes - (r.shared ?? 0) + (r.parts ?? 0), 0)
  const find = finder({ self: init.self, ...components })
  const room: Space = space(
    {
      dir: init.dir,
      quotaBytes: init.quotaBytes,
      ...(init.reserveBytes === undefined ? {} : { reserveBytes: init.reserveBytes }),
    },
    () => heldBytes() + moving.promised(),
  )
  const moving: Transfers = transfers(init, {
    store,
    shelf,
    space: room,
    journal,
    remote: components.remote,
    pieceTable: (file) => components.publisher.pieceTable(file),
    holders: async (transfer, signal) => {
      const { holders } = await find(`${transfer.dataset}@${transfer.publisher}`, transfer.version, { signal })
      return holders.map((h) => h.island)
    },
    // What was found bad may be the same file under two names: that is fetched.
    reuse: async (replica, globs, save, signal) =>
      replica.damaged === undefined
        ? await reuse({ shelf, store }, { ...replica, globs: [...globs] }, save, signal)
        : undefined,
    async onWhole(transfer, signal) {
      if (transfer.to !== undefined) await bringTo(components, transfer, transfer.to, signal)
      await dropping.replace(transfer.folder)
    },
    logger: components.logger,
  })
  const dropping = dropper({ ...components, self: init.self, transfers: moving })
  const { judge, makeRoom } = evicting(
    { enabled: init.evict },
    {
      ...components,
      space: room,
      // Whoever reads it would be told that it was dropped.
      inUse: (folder) => dropping.inUse(folder) || files.isRead(folder),
      evict: dropping.evict,
      journalled,
    },
  )
  const getting = getter({ ...components, self: init.self, find, space: room, transfers: moving, makeRoom })
  const keep = keeping({ ...components, self: init.self })
  let readBytes = 0
  const reading = pieces({
    store,
    shelf,
    keeper: keeper({ store, shelf, transfers: moving, checkSpace: () => room.check(0) }),
    fetch: pieceFetcher({
      remote: components.remote,
      limits: moving.limits,
      nameOf,
      table: (hash) => store.table(hash),
      keepTable: (hash, table) => store.putTable(hash, table),
      onBytes(bytes) {
        readBytes += bytes
      },
      onBad: (island, { dataset, entry: { path } }) => tellBad(components, { island, dataset, path }),
    }),
    space: room,
    logger: components.logger,
  })
  const users: ((use: VersionUse) => void)[] = []
  const onUse = (use: VersionUse) => {
    for (const listener of users) listener(use)
  }
  const files = reader({ self: init.self }, { ...components, find, pieces: reading, onUse })
  const caring: Care = care(init.scrub, {
    shelf,
    inUse: dropping.inUse,
    busy: components.busy,
    now: Date.now,
    logger: components.logger,
    async repair({ id, publisher, version, globs }) {
      const request: GetRequest = { ref: `${id}@${publisher}`, version, files: globs, priority: 'low' }
      await journalled('replica:repair', id, 'island', () =>
        getting.get(request, { signal: stopping.signal, user: 'island', by: 'repair' }),
      )
    },
  })
  const following = follower({
    replicas: () => shelf.all(),
    transfers: () => moving.all(),
    newest: async (publisher, id) => (await components.bodyOf(publisher, id))?.version,
    fetch: async ({ publisher, id, globs }, version) => {
      const request = { ref: `${id}@${publisher}`, version, files: globs, follow: true }
      await getting.get(request, { signal: stopping.signal, user: 'owner', by: 'follow' })
    },
    supersede: async ({ id, folder }) => {
      await moving.cancel(id)
      await dropping.tidy(folder)
    },
    logger: components.logger,
  })
  const verifying = verifier({
    shelf,
    store,
    publisher: components.publisher,
    block: components.block,
    published: (pinned) => components.published(pinned, { look: true, changed: true }),
    ...(components.outside && { outside: components.outside }),
  })

  const replicaSeen = (replica: Replica) => replicaView(replica, judge(replica), nameOf)
  const view = (transfer: Transfer) => transferView(transfer, moving.live(transfer.id), nameOf)

  async function journalled<T>(action: string, subject: string, user: string | undefined, work: () => Promise<T>) {
    const entry = { actor: `${user ?? 'owner'}@${init.self}`, action, subject }
    return await withJournal(journal, entry, work)
  }

  return {
    start: () => moving.start(),
    async resumeAll() {
      await shelf.reconcile()
      moving.resumeAll()
      caring.begin()
      following.start()
    },
    async stop() {
      stopping.abort()
      await caring.stop()
      await following.stop()
      await reading.stop()
      await moving.stop()
    },
    async get(request, { signal = NEVER, user = 'owner', by } = {}) {
      if (request.follow === true && request.version !== undefined)
        throw new ArchipelError('BAD_INPUT', 'a replica follows the newest version, not a certain one')
      const asked = await getting.get(request, { signal, user, by })
      following.look(asked.publisher, asked.dataset)
      const { dataset, publisher, version } = asked
      onUse({ dataset, publisher, version })
      return view(asked)
    },
    look: (publisher, id) => following.look(publisher, id),
    replicas(page) {
      const order = ({ name, id, publisher, version }: Replica) => [name, id, publisher, version]
      const { items, ...rest } = pageOf(shelf.all(), order, page, 'replicas')
      return { ...rest, items: items.map(replicaSeen) }
    },
    async keep(ref, request, { user = 'owner' } = {}) {
      const kept = await keep(ref, request, { user })
      following.look(kept.publisher, kept.id)
      return replicaSeen(kept)
    },
    read: ({ ref, path, version }, { signal = NEVER, user = 'owner' } = {}) =>
      files.open({ ref, path, version }, { signal, user }),
    async claim(versions) {
      let bytes = 0
      const fits = versions.filter((each) => {
        if (room.lacking(bytes + each.bytes) > 0) return false
        bytes += each.bytes
        return true
      })
      await shelf.claim(fits)
    },
    unclaim: (version) => shelf.unclaim(version),
    async keepManifest(request, { signal }) {
      const { claim, version } = await find(request.ref, request.version, { signal })
      if ((await components.published({ id: claim.id, version })) !== undefined)
        throw new ArchipelError('DATASET_EXISTS', `this island publishes ${claim.id} itself`)
      await files.keepManifest(request, { signal })
    },
    onUse: (listener) => void users.push(listener),
    plan: async (request, { signal = NEVER } = {}) => ({
      ...(await getting.plan(request, { signal })),
      quotaLeftBytes: Math.max(0, init.quotaBytes - heldBytes() - moving.promised()),
    }),
    list: () =>
      moving
        .all()
        .sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1))
        .map(view),
    show: (id) => view(moving.get(id)),
    isPaused({ publisher, id, version }) {
      const folder = folderOf(publisher, id, version)
      return moving.all().some((t) => t.folder === folder && t.state === 'paused')
    },
    pause: async (id) => view(await moving.pause(id)),
    async resume(id) {
      const { state, wanted, done } = moving.get(id)
      // What is paused is counted already.
      const more = state === 'failed' ? wanted.bytes - done.bytes : 0
      if (state === 'failed' || state === 'paused') await makeRoom(more, { by: undefined, signal: stopping.signal })
      return view(await moving.resume(id))
    },
    async cancel(id) {
      const cancelled = view(await moving.cancel(id))
      await dropping.tidy(moving.get(id).folder)
      return cancelled
    },
    prioritise: async (id, priority) => view(await moving.setPriority(id, priority)),
    verify: (ref, { checksums = false }, { signal = NEVER, user = 'owner' } = {}) =>
      journalled('replica:verify', ref.slice(0, 200), user, async () => {
        const located = await components.locate(ref, { signal })
        const claim = components.one(ref, located)
        policy.check({ island: init.self, user, action: 'replica:verify', datasets: [claim.id] })
        return await verifying(claim, checksums, signal)
      }),
    drop: (ref, { force = false }, { signal = NEVER, user = 'owner' } = {}) =>
      journalled('replica:drop', ref.slice(0, 200), user, () => dropping.drop(ref, { force, signal, user })),
    dropPlan: (ref, { signal = NEVER } = {}) => dropping.plan(ref, { signal }),
    numbers() {
      const by = (words: string[], least: string[]) => {
        const sum: Record<string, number> = Object.fromEntries(least.map((word) => [word, 0]))
        for (const word of words) sum[word] = (sum[word] ?? 0) + 1
        return sum
      }
      const unfinished = moving.all().filter((t) => !TRANSFER_ENDS.has(t.state))
      return {
        states: by(
          shelf.all().map((r) => r.state),
          ['available', 'partial'],
        ),
        bytes: heldBytes(),
        transfers: by(
          unfinished.map((t) => t.state),
          ['transferring'],
        ),
        receivedBytes: moving.receivedBytes() + readBytes,
        care: caring.numbers(),
      }
    },
  }
}
