/** Replicas of other islands' datasets: got, verified, dropped. */
import { rm, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { Logger } from 'pino'
import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { ReplicaMode, ReplicaView } from '../../protocols/model/replica.ts'
import {
  TRANSFER_ENDS,
  type TransferPlan,
  type TransferPriority,
  type TransferView,
  type Verification,
} from '../../protocols/model/transfer.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { PromisesPort } from '../promises/port.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import type { Located, LocatedHolder } from '../resolve/port.ts'
import { type Care, type CareInit, care } from './care.ts'
import { deliver } from './deliver.ts'
import type { Block } from './entries.ts'
import { follower } from './follow.ts'
import { identityOf } from './identity.ts'
import { folderOf, matches } from './names.ts'
import { type Counted, count } from './plan.ts'
import type { Replica, ReplicaStore, Transfer } from './port.ts'
import { reusable, reuse } from './reuse.ts'
import type { RemoteHolder } from './run/port.ts'
import type { ReplicaShelf } from './shelf.ts'
import { type Space, space } from './space.ts'
import { restingState, type Transfers, transfers } from './transfers.ts'
import { verifier } from './verify.ts'
import { here, replicaView, transferView } from './views.ts'

export interface ReplicasInit {
  self: string
  dir: string
  quotaBytes: number
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
  /** Everything known of a dataset, holders asked just now. @throws BAD_ID, DATASET_NOT_FOUND */
  locate(ref: string, options: { signal: AbortSignal; version?: string }): Promise<Located[]>
  /** The one that is meant. @throws AMBIGUOUS */
  one(ref: string, located: Located[]): Located
  /** As published, where the catalog has it. */
  bodyOf(publisher: string, id: string): Promise<DatasetBody | undefined>
  /** A block of a manifest, from here or from these islands. */
  block(dataset: string, version: string, holders: readonly string[], signal: AbortSignal): Block
  /** Files that this island publishes of a version itself. */
  published(pinned: { id: string; version: string }): Promise<SourceFile[] | undefined>
  remote(island: string): RemoteHolder
  /** Deletes a whole copy when enough others promised to keep theirs. @throws LAST_COPY, BELOW_RULE, PROMISE_MISSING, DROP_CONFLICT, DROP_PROMISED */
  dropCopy: PromisesPort['drop']
  nameOf(island: string): string
  rttMs(island: string): number | undefined
  policy: PolicyPort
  journal: JournalPort
  /** The machine has better to do than to read files anew. */
  busy(): boolean
  newId(): string
  logger: Logger
}

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

interface CallOptions {
  signal?: AbortSignal
  user?: string
}

export interface ReplicasPort {
  start(): Promise<void>
  /** When others can be reached. */
  resumeAll(): Promise<void>
  stop(): Promise<void>
  /** Durable when it resolves. @throws DATASET_NOT_FOUND, AMBIGUOUS, NO_HOLDER, NOT_FOUND, QUOTA_EXCEEDED, DISK_FULL, RECORD_INVALID, FORBIDDEN */
  get(request: GetRequest, options?: CallOptions): Promise<TransferView>
  plan(request: GetRequest, options?: CallOptions): Promise<TransferPlan>
  list(): TransferView[]
  show(id: string): TransferView
  pause(id: string): Promise<TransferView>
  resume(id: string): Promise<TransferView>
  cancel(id: string): Promise<TransferView>
  prioritise(id: string, priority: TransferPriority): Promise<TransferView>
  /** Those that are here. */
  replicas(): ReplicaView[]
  /** @param ref id or short name; `<id>@<publisher>` @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version here) */
  keep(ref: string, request: { mode: ReplicaMode; version?: string }, options?: CallOptions): Promise<ReplicaView>
  /** A record of this dataset changed. */
  look(publisher: string, id: string): void
  verify(ref: string, request: { checksums?: boolean }, options?: CallOptions): Promise<Verification>
  /** @throws DATASET_NOT_FOUND; without `force` LAST_COPY, BELOW_RULE, PROMISE_MISSING, DROP_CONFLICT; DROP_PROMISED */
  drop(ref: string, request: { force?: boolean }, options?: CallOptions): Promise<{ id: string; bytes: number }>
  numbers(): {
    states: Record<string, number>
    bytes: number
    transfers: Record<string, number>
    receivedBytes: number
    care: ReturnType<Care['numbers']>
  }
}

const NEVER = new AbortController().signal
/** Files from whom a replica may be fetched, by what they say of theirs. */
const GIVES = new Set(['available', 'partial', 'transferring', 'verifying'])

interface Found {
  claim: Located
  holders: LocatedHolder[]
  version: string
}

export function replicas(init: ReplicasInit, components: ReplicasComponents): ReplicasPort {
  const { store, shelf, policy, journal, nameOf } = components
  const heldBytes = () => shelf.all().reduce((sum, r) => sum + r.held.bytes - (r.shared ?? 0), 0)
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
      const { holders } = await find(`${transfer.dataset}@${transfer.publisher}`, transfer.version, signal)
      return holders.map((h) => h.island)
    },
    // What was found bad may be the same file under two names: that is fetched.
    reuse: async (replica, globs, save, signal) =>
      replica.damaged === undefined
        ? await reuse({ shelf, store }, { ...replica, globs: [...globs] }, save, signal)
        : undefined,
    onWhole,
    logger: components.logger,
  })
  const caring: Care = care(init.scrub, {
    shelf,
    inUse: (folder) => inUse(folder),
    busy: components.busy,
    now: Date.now,
    logger: components.logger,
    async repair({ id, publisher, version, globs }) {
      const request: GetRequest = { ref: `${id}@${publisher}`, version, files: globs, priority: 'low' }
      await journalled('replica:repair', id, 'island', () => get(request, { user: 'island' }))
    },
  })
  const following = follower({
    replicas: () => shelf.all(),
    transfers: () => moving.all(),
    newest: async (publisher, id) => (await components.bodyOf(publisher, id))?.version,
    fetch: async ({ publisher, id, globs }, version) => {
      await get({ ref: `${id}@${publisher}`, version, files: globs, follow: true }, { signal: stopping.signal })
    },
    supersede: async ({ id, folder }) => {
      await moving.cancel(id)
      await tidy(folder)
    },
    logger: components.logger,
  })
  const stopping = new AbortController()
  const verifying = verifier({
    shelf,
    store,
    publisher: components.publisher,
    block: components.block,
    published: components.published,
  })

  /** The version that is meant and who gives it, this island left out. */
  async function find(ref: string, version: string | undefined, signal: AbortSignal): Promise<Found> {
    const wanted = version?.toLowerCase()
    const located = await components.locate(ref, { signal, ...(wanted === undefined ? {} : { version: wanted }) })
    const of = (l: Located) => [l.version, ...l.holders.map((h) => h.version)]
    const having = wanted === undefined ? located : located.filter((l) => of(l).some((each) => each.startsWith(wanted)))
    if (having.length === 0)
      throw new ArchipelError('NOT_FOUND', `no island that is known here has a version ${wanted?.slice(0, 80)}`, {
        hint: '`archipel resolve <id>` shows which versions are held.',
      })
    const claim = components.one(ref, having)
    const meant = wanted === undefined ? claim.version : of(claim).find((each) => each.startsWith(wanted))!
    const holders = claim.holders.filter((h) => h.island !== init.self && h.version === meant && GIVES.has(h.state))
    return { claim, holders, version: meant }
  }

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

  async function get(request: GetRequest, { signal = NEVER, user = 'owner' }: CallOptions): Promise<TransferView> {
    const globs = [...new Set(request.files ?? [])].sort()
    if (request.to !== undefined && !isAbsolute(request.to))
      throw new ArchipelError('BAD_INPUT', 'the folder has to be an absolute path on the machine of the island')
    const found = await find(request.ref, request.version, signal)
    const { claim, version } = found
    policy.check({ island: init.self, user, action: 'replica:get', datasets: [claim.id] })
    if ((await own(found)) !== undefined && request.to === undefined)
      throw new ArchipelError('DATASET_EXISTS', `this island publishes ${claim.id} itself: its files are here`, {
        hint: 'With --to they are brought to a folder.',
      })
    const folder = folderOf(claim.publisher, claim.id, version)
    const same = moving
      .all()
      .find(
        (t) => t.folder === folder && !TRANSFER_ENDS.has(t.state) && t.to === request.to && sameList(t.globs, globs),
      )
    if (same !== undefined && request.follow === true) await shelf.put({ ...shelf.get(folder)!, mode: 'follow' })
    if (same !== undefined) return view(same.state === 'paused' ? await moving.resume(same.id) : same)
    const { total, wanted, here } = await counted(found, globs, true, signal)
    const known = await reusable({ shelf, store }, { ...claim, version, folder, globs })
    await room.check((await own(found)) === undefined ? wanted.bytes - here.bytes - known.bytes : 0)
    const body = await components.bodyOf(claim.publisher, claim.id)
    const now = Date.now()
    const before = shelf.get(folder)
    const replica: Replica =
      before !== undefined
        ? { ...before }
        : {
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
    const isNewest = body?.version === version
    if (isNewest) replica.body = body
    if (request.follow === true || (isNewest && follows(claim))) replica.mode ??= 'follow'
    if (before !== undefined)
      replica.globs = globs.length === 0 || before.globs.length === 0 ? [] : [...new Set([...before.globs, ...globs])]
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
      created: now,
      updated: now,
      sources: {},
    }
    await moving.add(transfer, replica)
    return view(moving.get(transfer.id))
  }

  /** Into the folder that was asked for; and what it replaces goes. */
  async function onWhole(transfer: Transfer, signal: AbortSignal): Promise<void> {
    const { folder, publisher, dataset, globs, to } = transfer
    if (to !== undefined) {
      const chosen = async function* () {
        for await (const file of shelf.files(folder)) if (matches(globs, file.path)) yield file
      }
      const done = await deliver(chosen(), to, { mayLink: true, signal, onLinked: (file) => linked(folder, file) })
      components.logger.info({ dataset, ...done }, 'files were brought to a folder')
    }
    const here = shelf.get(folder)
    for (const other of shelf.all()) {
      if (other.publisher !== publisher || other.id !== dataset || other.folder === folder) continue
      if (other.mode === 'pin' || inUse(other.folder)) continue
      // What follows gives way to what follows on it, a part of it, too.
      const replaced = other.mode === 'follow' ? here?.mode === 'follow' : here?.state === 'available'
      if (replaced) await shelf.remove(other.folder)
    }
  }

  /** A link changes what the system says of a file, and nothing of its bytes. */
  async function linked(folder: string, { path, local, size, mtimeNs, ino }: SourceFile): Promise<void> {
    const seen = identityOf(await stat(local, { bigint: true }))
    if (seen.size !== size || seen.mtimeNs !== mtimeNs || seen.ino !== ino) return
    await store.commit({ files: [{ folder, path, state: { done: seen } }] })
  }

  const inUse = (folder: string) => moving.all().some((t) => t.folder === folder && !TRANSFER_ENDS.has(t.state))

  /** What is here only in part, and that nobody will complete, goes. */
  async function tidy(folder: string): Promise<void> {
    const replica = shelf.get(folder)
    if (replica === undefined || inUse(folder)) return
    if (replica.held.files === 0) return await shelf.remove(folder)
    const parts: string[] = []
    for await (const [path, state] of store.files(folder)) if ('pieces' in state) parts.push(path)
    await store.commit({ files: parts.map((path) => ({ folder, path, state: null })) })
    await rm(shelf.places(folder).parts, { recursive: true, force: true })
    // Whoever cancels a repair does not want it again at once.
    const { damaged: _, ...rest } = replica
    await shelf.put({ ...rest, state: restingState(replica) })
  }

  async function drop(ref: string, force: boolean, { signal = NEVER, user = 'owner' }: CallOptions) {
    const located = await components.locate(ref, { signal }).catch((cause: unknown) => {
      throw toArchipelError(cause)
    })
    const mine = located.filter((l) => shelf.ofClaim(l.publisher, l.id) !== undefined)
    if (mine.length === 0)
      throw new ArchipelError('DATASET_NOT_FOUND', `this island has no replica of ${ref.slice(0, 200)}`, {
        hint: 'What it publishes itself is withdrawn by `archipel unpublish`.',
      })
    const claim = components.one(ref, mine)
    policy.check({ island: init.self, user, action: 'replica:drop', datasets: [claim.id] })
    const all = shelf.all().filter((r) => r.publisher === claim.publisher && r.id === claim.id)
    const others = claim.holders.filter((h) => h.island !== init.self && h.state === 'available')
    const has = (version: string) => others.filter((h) => h.version === version)
    const last = all.filter(
      (r) => r.state !== 'available' && r.held.files > 0 && !has(r.version).some((h) => h.confirmed),
    )
    if (last.length > 0 && !force)
      throw new ArchipelError('LAST_COPY', `no other island that answers now has all of ${claim.id}`)
    let bytes = 0
    const remove = async ({ folder }: Replica) => {
      for (const t of moving.all()) if (t.folder === folder && !TRANSFER_ENDS.has(t.state)) await moving.cancel(t.id)
      const size = shelf.get(folder)?.held.bytes ?? 0
      await shelf.remove(folder)
      bytes += size
    }
    for (const replica of all) {
      const { publisher, id: dataset, version, state } = replica
      const holders = has(version).map((h) => h.island)
      if (state === 'available')
        await components.dropCopy({ publisher, dataset, version }, { holders, force, signal }, () => remove(replica))
      else await remove(replica)
    }
    return { id: claim.id, bytes }
  }

  /** Whether a replica follows its publisher, or no other version takes its place. @throws DATASET_NOT_FOUND, NOT_FOUND */
  async function keep(
    ref: string,
    { mode, version }: { mode: ReplicaMode; version?: string },
    { user = 'owner' }: CallOptions,
  ): Promise<ReplicaView> {
    const replica = here(shelf.all(), ref, version)
    policy.check({ island: init.self, user, action: 'replica:get', datasets: [replica.id] })
    await shelf.put({ ...replica, mode })
    for (const { mode: was, ...other } of shelf.all())
      if (mode === 'pin' && was === 'follow' && other.publisher === replica.publisher && other.id === replica.id)
        await shelf.put(other)
    following.look(replica.publisher, replica.id)
    return replicaView({ ...replica, mode }, nameOf)
  }

  const view = (transfer: Transfer) => transferView(transfer, moving.live(transfer.id), nameOf)

  async function journalled<T>(action: string, subject: string, user: string | undefined, work: () => Promise<T>) {
    const entry = { actor: `${user ?? 'owner'}@${init.self}`, action, subject }
    try {
      const answer = await work()
      journal.write({ ...entry, outcome: 'ok' })
      return answer
    } catch (cause) {
      journal.write({ ...entry, outcome: 'failed', code: toArchipelError(cause).code })
      throw cause
    }
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
      await moving.stop()
    },
    async get(request, options = {}) {
      if (request.follow === true && request.version !== undefined)
        throw new ArchipelError('BAD_INPUT', 'a replica follows the newest version, not a certain one')
      const asked = await get(request, options)
      following.look(asked.publisher.id, asked.dataset)
      return asked
    },
    look: (publisher, id) => following.look(publisher, id),
    replicas: () => shelf.all().map((replica) => replicaView(replica, nameOf)),
    keep: (ref, request, options = {}) => keep(ref, request, options),
    async plan(request, { signal = NEVER } = {}) {
      const found = await find(request.ref, request.version, signal)
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
        quotaLeftBytes: Math.max(0, init.quotaBytes - heldBytes() - moving.promised()),
      }
    },
    list: () =>
      moving
        .all()
        .sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1))
        .map(view),
    show: (id) => view(moving.get(id)),
    pause: async (id) => view(await moving.pause(id)),
    resume: async (id) => view(await moving.resume(id)),
    async cancel(id) {
      const cancelled = view(await moving.cancel(id))
      await tidy(moving.get(id).folder)
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
    drop: (ref, { force = false }, options = {}) =>
      journalled('replica:drop', ref.slice(0, 200), options.user, () => drop(ref, force, options)),
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
        receivedBytes: moving.receivedBytes(),
        care: caring.numbers(),
      }
    },
  }
}

const sameList = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((each, i) => each === b[i])
