/** Replicas that go: dropped, replaced by another version, or never completed. */
import { rm } from 'node:fs/promises'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { DropPlan } from '../../protocols/model/replica.ts'
import { TRANSFER_ENDS } from '../../protocols/model/transfer.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { PromisesPort } from '../promises/port.ts'
import type { Located, LocatedHolder } from '../resolve/port.ts'
import { dropPlanOf } from './drop-plan.ts'
import { freed, type Needs } from './evicting.ts'
import type { Replica, ReplicaStore } from './port.ts'
import type { ReplicaShelf } from './shelf.ts'
import { restingState, type Transfers } from './transfers.ts'

export interface DropperComponents {
  self: string
  store: Pick<ReplicaStore, 'files' | 'commit'>
  shelf: ReplicaShelf
  transfers: Pick<Transfers, 'all' | 'cancel'>
  /** Everything known of a dataset, holders asked just now. @throws BAD_ID, DATASET_NOT_FOUND */
  locate(ref: string, options: { signal: AbortSignal }): Promise<Located[]>
  /** The one that is meant. @throws AMBIGUOUS */
  one(ref: string, located: Located[]): Located
  /** Deletes a whole copy when enough others promised to keep theirs. @throws LAST_COPY, BELOW_RULE, PROMISE_MISSING, DROP_CONFLICT, DROP_PROMISED */
  dropCopy: PromisesPort['drop']
  needs: Pick<Needs, 'unmet' | 'promised'>
  nameOf(island: string): string
  policy: PolicyPort
}

export interface Dropper {
  /** All of a dataset that is here. @throws as `ReplicasPort.drop` */
  drop(
    ref: string,
    options: { force: boolean; signal: AbortSignal; user: string },
  ): Promise<{ id: string; bytes: number }>
  /** What that would free, and what forbids it; others are asked what they hold, and promise nothing. */
  plan(ref: string, options: { signal: AbortSignal }): Promise<DropPlan>
  /** One replica that makes room, unless it is `needed` by then. @returns the bytes freed. @throws as `drop`; TRANSFER_STATE */
  evict(replica: Replica, needed: () => boolean, options: { signal: AbortSignal }): Promise<number>
  /** What this one takes the place of goes. */
  replace(folder: string): Promise<void>
  /** What is here only in part, and that nobody will complete, goes. */
  tidy(folder: string): Promise<void>
  /** A transfer is at work on it, or will be. */
  inUse(folder: string): boolean
}

export function dropper(components: DropperComponents): Dropper {
  const { store, shelf, transfers: moving } = components
  const unfinished = (folder: string) => moving.all().filter((t) => t.folder === folder && !TRANSFER_ENDS.has(t.state))
  const inUse = (folder: string) => unfinished(folder).length > 0

  /** Ends what brings it, then deletes it; a transfer that was asked for meanwhile is ended, too. @returns its bytes */
  async function remove({ folder }: Replica): Promise<number> {
    for (;;) {
      // Not while alone: a transfer that begins waits for that.
      for (const t of unfinished(folder)) await moving.cancel(t.id)
      const bytes = await shelf.alone(folder, async () => {
        if (inUse(folder)) return undefined
        const { held, parts = 0 } = shelf.get(folder) ?? { held: { bytes: 0 } }
        await shelf.remove(folder)
        return held.bytes + parts
      })
      if (bytes !== undefined) return bytes
    }
  }

  /** What follows gives way to what follows on it, a part of it, too; what is pinned to nothing. */
  function takesPlace(one: Replica | undefined, other: Replica | undefined): boolean {
    if (one === undefined || other === undefined || one.folder === other.folder) return false
    if (one.publisher !== other.publisher || one.id !== other.id) return false
    if (other.mode === 'pin' || inUse(other.folder)) return false
    return other.mode === 'follow' ? one.mode === 'follow' : one.state === 'available'
  }

  /** The one claim that is meant of those that have a replica here, with the others that hold it. */
  async function meant(ref: string, signal: AbortSignal) {
    const located = await components.locate(ref, { signal }).catch((cause: unknown) => {
      throw toArchipelError(cause)
    })
    const mine = located.filter((l) => shelf.ofClaim(l.publisher, l.id) !== undefined)
    if (mine.length === 0)
      throw new ArchipelError('DATASET_NOT_FOUND', `this island has no replica of ${ref.slice(0, 200)}`, {
        hint: 'What it publishes itself is withdrawn by `archipel unpublish`.',
      })
    const claim = components.one(ref, mine)
    const whole = claim.holders.filter((h) => h.island !== components.self && h.state === 'available')
    return {
      claim,
      all: shelf.all().filter((r) => r.publisher === claim.publisher && r.id === claim.id),
      has: (version: string) => whole.filter((h) => h.version === version),
    }
  }

  const lastOf = (id: string) => new ArchipelError('LAST_COPY', `no other island that answers now has all of ${id}`)

  /** A part with no whole copy elsewhere that answered. */
  const isLastPart = ({ state, held }: Replica, holders: readonly LocatedHolder[]) =>
    state !== 'available' && held.files > 0 && !holders.some((h) => h.confirmed)

  const copyOf = ({ publisher, id: dataset, version }: Replica) => ({ publisher, dataset, version })

  /** A whole one with the word of others, anything else at once. */
  async function give(
    replica: Replica,
    holders: readonly LocatedHolder[],
    options: { force: boolean; signal: AbortSignal },
    gone: () => Promise<void>,
  ): Promise<void> {
    if (replica.state !== 'available') return await gone()
    await components.dropCopy(copyOf(replica), { holders: holders.map((h) => h.island), ...options }, gone)
  }

  return {
    inUse,
    async drop(ref, { force, signal, user }) {
      const { claim, all, has } = await meant(ref, signal)
      components.policy.check({ island: components.self, user, action: 'replica:drop', datasets: [claim.id] })
      if (!force && all.some((r) => isLastPart(r, has(r.version)))) throw lastOf(claim.id)
      let bytes = 0
      for (const replica of all)
        await give(replica, has(replica.version), { force, signal }, async () => {
          bytes += await remove(replica)
        })
      return { id: claim.id, bytes }
    },
    async plan(ref, { signal }) {
      const { claim, all, has } = await meant(ref, signal)
      return dropPlanOf(claim, all, has, components)
    },
    async evict(replica, needed, { signal }) {
      const { id, publisher, folder } = replica
      const { has } = await meant(`${id}@${publisher}`, signal)
      const holders = has(replica.version)
      if (isLastPart(replica, holders)) throw lastOf(id)
      let bytes = 0
      await give(replica, holders, { force: false, signal }, () =>
        shelf.alone(folder, async () => {
          const now = shelf.get(folder)
          // Whoever began to use it meanwhile keeps it.
          if (now === undefined || now.added !== replica.added || needed())
            throw new ArchipelError('TRANSFER_STATE', `the replica of ${id} is needed by now`)
          bytes = freed(now)
          await shelf.remove(folder)
        }),
      )
      return bytes
    },
    async replace(folder) {
      for (const other of shelf.all())
        if (takesPlace(shelf.get(folder), other))
          await shelf.alone(other.folder, async () => {
            if (takesPlace(shelf.get(folder), shelf.get(other.folder))) await shelf.remove(other.folder)
          })
    },
    tidy: (folder) =>
      shelf.alone(folder, async () => {
        const replica = shelf.asked(folder)
        if (replica === undefined || inUse(folder)) return
        if (replica.held.files === 0) return await shelf.remove(folder)
        const parts: string[] = []
        for await (const [path, state] of store.files(folder)) if ('pieces' in state) parts.push(path)
        await store.commit({ files: parts.map((path) => ({ folder, path, state: null })) })
        await rm(shelf.places(folder).parts, { recursive: true, force: true })
        await shelf.change(folder, (now) => now && rested(now))
      }),
  }
}

/** Whoever cancels a repair does not want it again at once. */
function rested({ damaged: _, ...replica }: Replica): Replica {
  return { ...replica, parts: 0, state: restingState(replica) }
}
