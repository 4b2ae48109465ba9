/** Transfers, and replicas that are here, as people see them, and as they name them. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { parseRef } from '../../protocols/model/ids.ts'
import type { Eviction, ReplicaView } from '../../protocols/model/replica.ts'
import type { TransferView } from '../../protocols/model/transfer.ts'
import type { Replica, Transfer } from './port.ts'
import type { Live } from './transfers.ts'

export function replicaView(replica: Replica, eviction: Eviction, nameOf: (island: string) => string): ReplicaView {
  const { id, name, publisher, version, state, total, held, globs, read, mode, added, used } = replica
  return {
    id,
    name,
    publisher: { id: publisher, name: nameOf(publisher) },
    version,
    state,
    total,
    held,
    files: globs,
    ...(read === undefined ? {} : { read }),
    ...(mode === undefined ? {} : { mode }),
    added: new Date(added).toISOString(),
    ...(used === undefined ? {} : { used: new Date(used).toISOString() }),
    eviction,
  }
}

/**
 * The replica that is meant: of that version, or the one added last; not one that was only read. No island is asked, so that it can be said while all are away.
 *
 * @param ref id in any spelling, short name, or `<id>@<island id>`
 * @throws DATASET_NOT_FOUND, AMBIGUOUS (of several publishers or datasets), NOT_FOUND (no such version), BAD_ID
 */
export function here(all: readonly Replica[], ref: string, version?: string): Replica {
  const [, plain = ref, publisher] = /^(.+)@(isl[a-z2-7]{32})$/.exec(ref.trim()) ?? []
  const asked = parseRef(plain)
  const found = all
    .filter((r) => r.read === undefined && (publisher === undefined || r.publisher === publisher))
    .filter((r) => ('name' in asked ? r.name === asked.name : r.id === asked.id || r.body?.aliases.includes(asked.id)))
  if (found.length === 0)
    throw new ArchipelError('DATASET_NOT_FOUND', `this island has no replica of ${ref.slice(0, 200)}`, {
      hint: '`archipel replicas` lists those that are here.',
    })
  const claims = [...new Set(found.map((r) => `${r.id}@${r.publisher}`))]
  if (claims.length > 1)
    throw new ArchipelError('AMBIGUOUS', `${ref.slice(0, 200)} means ${claims.length} replicas`, {
      details: { candidates: claims.map((claim) => ({ ref: claim })) },
    })
  const wanted = version?.toLowerCase()
  const of = found.filter((r) => wanted === undefined || r.version.startsWith(wanted)).sort((a, b) => b.added - a.added)
  if (of.length > 0) return of[0]!
  throw new ArchipelError('NOT_FOUND', `version ${wanted} of it is not here`, {
    hint: '`archipel replicas` lists those that are here.',
  })
}

export function transferView(
  transfer: Transfer,
  live: Live | undefined,
  nameOf: (island: string) => string,
): TransferView {
  const asked = new Map(live?.sources.map((s) => [s.island, s]))
  const islands = new Set([...Object.keys(transfer.sources), ...asked.keys()])
  const left = transfer.wanted.bytes - transfer.done.bytes
  const perSecond = live?.bytesPerSecond
  return {
    id: transfer.id,
    dataset: transfer.dataset,
    name: transfer.name,
    publisher: { id: transfer.publisher, name: nameOf(transfer.publisher) },
    version: transfer.version,
    state: transfer.state,
    priority: transfer.priority,
    files: transfer.globs,
    ...(transfer.to === undefined ? {} : { to: transfer.to }),
    user: transfer.user,
    wanted: transfer.wanted,
    done: transfer.done,
    ...(perSecond === undefined ? {} : { bytesPerSecond: perSecond }),
    ...(perSecond === undefined || perSecond < 1 ? {} : { secondsLeft: left / perSecond }),
    sources: [...islands].map((island) => {
      const now = asked.get(island)
      const { bytes, bad } = transfer.sources[island] ?? { bytes: 0, bad: 0 }
      return {
        island,
        name: nameOf(island),
        bytes,
        bad,
        ...(now === undefined ? {} : { bytesPerSecond: now.bytesPerSecond }),
        ...(now?.carrier === undefined ? {} : { carrier: now.carrier }),
      }
    }),
    ...(transfer.evicted === undefined ? {} : { evicted: transfer.evicted }),
    ...(transfer.problem === undefined ? {} : { problem: transfer.problem }),
    created: new Date(transfer.created).toISOString(),
    updated: new Date(transfer.updated).toISOString(),
    ...(transfer.ended === undefined ? {} : { ended: new Date(transfer.ended).toISOString() }),
  }
}
