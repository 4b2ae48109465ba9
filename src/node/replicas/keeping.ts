/** What becomes of a replica when its publisher has a new version. */
import type { ReplicaMode } from '../../protocols/model/replica.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { Replica } from './port.ts'
import type { ReplicaShelf } from './shelf.ts'
import { here } from './views.ts'

export interface KeepingComponents {
  self: string
  shelf: Pick<ReplicaShelf, 'all' | 'alone' | 'change' | 'get'>
  policy: PolicyPort
}

/** @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version here), FORBIDDEN */
export type Keep = (
  ref: string,
  request: { mode: ReplicaMode; version?: string },
  options: { user: string },
) => Promise<Replica>

/** Whether a replica follows its publisher, or no other version takes its place. */
export function keeping({ self, shelf, policy }: KeepingComponents): Keep {
  const changed = (folder: string, next: (now: Replica) => Replica) =>
    shelf.alone(folder, () => shelf.change(folder, (now) => now && next(now)))

  return async (ref, { mode, version }, { user }) => {
    const replica = here(shelf.all(), ref, version)
    policy.check({ island: self, user, action: 'replica:get', datasets: [replica.id] })
    await changed(replica.folder, (now) => ({ ...now, mode }))
    for (const { mode: was, folder, publisher, id } of shelf.all())
      if (mode === 'pin' && was === 'follow' && publisher === replica.publisher && id === replica.id)
        await changed(folder, ({ mode: _, ...now }) => now)
    return shelf.get(replica.folder) ?? { ...replica, mode }
  }
}
