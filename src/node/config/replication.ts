/** Settings of replicas and transfers. */
import { z } from 'zod'
import { islandId } from '../../protocols/model/ids.ts'
import { about, bytes, DAY_MS, GiB, MiB, ms } from './parts.ts'

const perSecond = () => bytes(0, 1024 * GiB).default(0)

export const replicas = z.strictObject({
  dir: z
    .string()
    .max(4096)
    .default('')
    .describe('Folder of the replicas of other islands’ datasets; empty: `replicas` in the data directory.'),
  quotaBytes: bytes(MiB, 1_048_576 * GiB)
    .default(100 * GiB)
    .describe('Bytes that replicas may take in all.')
    .register(about, { unit: 'bytes' }),
  evict: z
    .boolean()
    .default(true)
    .describe(
      'Whether replicas that nothing needs make room for others when the quota is full; never the last copy, one that a rule needs, is pinned, or is worked on.',
    ),
  scrubBytesPerSecond: bytes(0, 1024 * GiB)
    .default(8 * MiB)
    .describe(
      'Bytes of replicas that are read anew a second, to find bad ones, while the machine is not busy; 0: none.',
    )
    .register(about, { unit: 'bytes' }),
  scrubPeriodMs: ms(60_000, 3650 * DAY_MS)
    .default(30 * DAY_MS)
    .describe('Time after which a replica is read anew.')
    .register(about, { unit: 'ms' }),
})

export const transfers = z.strictObject({
  active: z.int().min(1).max(64).default(2).describe('Transfers to this island that run at a time; others wait.'),
  kept: z.int().min(1).max(100_000).default(1_000).describe('Ended transfers that are remembered.'),
  downBytesPerSecond: perSecond()
    .describe('Bytes a second that all transfers to this island take together; 0: no limit.')
    .register(about, { unit: 'bytes' }),
  downBytesPerSecondPerIsland: perSecond()
    .describe('Bytes a second taken from one island; 0: no limit.')
    .register(about, { unit: 'bytes' }),
  upBytesPerSecond: perSecond()
    .describe('Bytes a second given to all other islands together; 0: no limit.')
    .register(about, { unit: 'bytes' }),
  upBytesPerSecondPerIsland: perSecond()
    .describe('Bytes a second given to one island; 0: no limit.')
    .register(about, { unit: 'bytes' }),
})

/** What of other islands' requests is taken: nothing of them runs, each can be dropped, and both bounds are small beside the quota. */
export const replicatePolicy = z.strictObject({
  from: z
    .enum(['members', 'none'])
    .default('members')
    .describe('Whose requests to hold data are taken (archipel replicate).'),
  allow: z.array(islandId).max(1000).default([]).describe('When not empty: only those of these islands (ids).'),
  maxBytes: bytes(0, 1_048_576 * GiB)
    .default(10 * GiB)
    .describe('Bytes of one such request.')
    .register(about, { unit: 'bytes' }),
  quotaBytes: bytes(0, 1_048_576 * GiB)
    .default(20 * GiB)
    .describe('Bytes that such requests may take in all, within replicas.quotaBytes.')
    .register(about, { unit: 'bytes' }),
})
