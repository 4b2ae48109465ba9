/** Settings of replicas and transfers. */
import { isIP } from 'node:net'
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

/** Where bytes are given by HTTPS: an IP address and a port. */
const httpsAddress = z
  .string()
  .max(64)
  .refine(
    (text) => text === 'auto' || text === 'off' || parseAddress(text) !== undefined,
    'not auto, off, or an IP address with a port; write it like 0.0.0.0:9412 or [::]:9412',
  )

/** Of `transfers.https.listen`; undefined for what is no address. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const [, host, port] = /^(?:\[([0-9a-f:.]+)\]|[0-9.]+):(\d{1,5})$/i.exec(text) ?? []
  const name = host ?? text.slice(0, text.lastIndexOf(':'))
  if (port === undefined || Number(port) > 65_535 || isIP(name) === 0) return undefined
  return { host: name, port: Number(port) }
}

const https = z.strictObject({
  listen: httpsAddress
    .default('auto')
    .describe(
      'Where bytes are given to other islands by HTTPS, which is faster than libp2p: an IP address and a port. auto: port 9412 of web.host where others can reach that, else off.',
    ),
  announce: z
    .array(
      z
        .string()
        .max(256)
        .regex(/^https:\/\/[^/?#@\s]+$/, 'not an address as https://island.example.org:9412'),
    )
    .max(8)
    .default([])
    .describe('Addresses under which others reach it; none: where it listens, or network.announce with its port.'),
})

export const transfers = z.strictObject({
  https: https.prefault({}),
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
