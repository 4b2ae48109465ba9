/** One transfer, scripted: it is asked for, paused and resumed, and brings nothing. */
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { ReplicaView } from '../../src/protocols/model/replica.ts'
import type { TransferPlan, TransferView } from '../../src/protocols/model/transfer.ts'
import type { IslandPort, IslandTransfers } from '../../src/web/ports.ts'

interface Named {
  id: string
  name: string
}

export function fakeTransfers(other: Named, now: string) {
  const version = 'ab'.repeat(32)
  const amount = { files: 1, bytes: 1_234_567 }
  const first: TransferView = {
    id: 'tr-1',
    dataset: `archipel:${other.id}/stars`,
    name: 'stars',
    publisher: other,
    version,
    state: 'transferring',
    priority: 'normal',
    files: [],
    user: 'owner',
    wanted: amount,
    done: { files: 0, bytes: 1000 },
    bytesPerSecond: 1000,
    secondsLeft: 1233,
    sources: [{ island: other.id, name: other.name, bytes: 1000, bad: 0, bytesPerSecond: 1000 }],
    created: now,
    updated: now,
  }
  let transfer = first
  const find = (id: string): TransferView => {
    if (id !== transfer.id) throw new ArchipelError('TRANSFER_NOT_FOUND', `no transfer ${id}`)
    return transfer
  }
  const change = async (id: string, more: Partial<TransferView>): Promise<TransferView> => {
    transfer = { ...find(id), ...more }
    return transfer
  }
  const plan: TransferPlan = {
    dataset: first.dataset,
    name: 'stars',
    publisher: other,
    version,
    wanted: amount,
    here: { files: 0, bytes: 0 },
    missing: amount,
    sources: [{ island: other.id, name: other.name, state: 'available', confirmed: true, rttMs: 1.5 }],
    freeBytes: 5e10,
    quotaLeftBytes: 1e10,
  }
  const replica: ReplicaView = {
    id: first.dataset,
    name: 'stars',
    publisher: other,
    version,
    state: 'available',
    total: amount,
    held: amount,
    files: [],
    added: now,
    eviction: { may: true, because: 'unneeded' },
  }
  const transfers: IslandTransfers = {
    list: async () => ({ items: [transfer], total: 1 }),
    show: async (id) => find(id),
    pause: (id) => change(id, { state: 'paused' }),
    resume: (id) => change(id, { state: 'requested' }),
    cancel: (id) => change(id, { state: 'cancelled', ended: now }),
    priority: (id, { priority }) => change(id, { priority }),
  }
  const functions: Pick<
    IslandPort,
    'get' | 'getPlan' | 'replicas' | 'follow' | 'pin' | 'drop' | 'dropPlan' | 'verify' | 'transfers'
  > = {
    get: async (_, { files = [], priority = 'normal' } = {}) => ({ ...transfer, files, priority, state: 'requested' }),
    getPlan: async () => plan,
    replicas: async () => ({ items: [replica], total: 1 }),
    follow: async () => ({ ...replica, mode: 'follow' as const }),
    pin: async () => ({ ...replica, mode: 'pin' as const }),
    drop: async (ref, { force } = {}) => {
      if (force !== true) throw new ArchipelError('LAST_COPY', `no other island has ${ref}`)
      return { id: first.dataset, bytes: amount.bytes }
    },
    dropPlan: async () => ({
      dataset: first.dataset,
      name: 'stars',
      publisher: other,
      bytes: amount.bytes,
      replicas: [
        {
          version,
          state: 'available',
          held: amount,
          bytes: amount.bytes,
          holders: [{ island: other.id, name: other.name, state: 'available', confirmed: true }],
          rules: [{ rule: 'rule-1', origin: other.id, name: other.name, kept: 1, wanted: 2 }],
          refusal: { code: 'BELOW_RULE', message: 'a rule would have too few copies' },
        },
      ],
    }),
    verify: async (_, { checksums } = {}) => ({
      dataset: first.dataset,
      version,
      state: 'available',
      good: amount,
      bad: [],
      ...(checksums ? { checksums: [{ path: 'stars.csv', sha256: version }] } : {}),
    }),
    transfers,
  }
  return functions
}
