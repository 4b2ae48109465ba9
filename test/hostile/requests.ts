/** Requests as an honest member would send them, for every protocol of an island. */
import { randomBytes } from 'node:crypto'
import { heartbeatSpec, reachSpec } from '../../src/protocols/heartbeat/messages.ts'
import { joinSpec } from '../../src/protocols/join/messages.ts'
import { livySpec, outputSpec, uploadSpec } from '../../src/protocols/livy/messages.ts'
import { blockSpec } from '../../src/protocols/manifest/block.ts'
import { confirmSpec, probeSpec } from '../../src/protocols/placement/messages.ts'
import { promiseSpec } from '../../src/protocols/promise/messages.ts'
import { decodeStrict, encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { replicateSpec } from '../../src/protocols/replicate/messages.ts'
import { resolveSpec } from '../../src/protocols/resolve/messages.ts'
import { DIGEST, HEADS, ORPHANS, PULL } from '../../src/protocols/sync/messages.ts'
import {
  attemptSpec,
  claimSpec,
  controlSpec,
  describeSpec,
  mainSpec,
  readSpec,
  runSpec,
} from '../../src/protocols/task/messages.ts'
import { capabilitySpec, haveSpec, rangesSpec, tablesSpec } from '../../src/protocols/transfer/messages.ts'
import { type ProtocolSpec, protocolId } from '../../src/protocols/wire/spec.ts'
import { BEAT, framed } from './raw-peer.ts'

export type AnySpec = ProtocolSpec<unknown, unknown>

/** Ours, spoken in frames of CBOR. A new one has to be put here, with a request that a member gets an answer to. */
export const SPECS = {
  'catalog/digest/1': DIGEST,
  'catalog/heads/1': HEADS,
  'catalog/pull/1': PULL,
  'catalog/orphans/1': ORPHANS,
  'heartbeat/1': heartbeatSpec,
  'reach/1': reachSpec,
  'resolve/1': resolveSpec,
  'manifest-block/1': blockSpec,
  'transfer-have/1': haveSpec,
  'transfer-tables/1': tablesSpec,
  'transfer-ranges/1': rangesSpec,
  'transfer-capability/1': capabilitySpec,
  'keep-promise/1': promiseSpec,
  'replicate/1': replicateSpec,
  'task-run/1': runSpec,
  'task-attempt/1': attemptSpec,
  'task-control/1': controlSpec,
  'task-claim/1': claimSpec,
  'task-read/1': readSpec,
  'task-describe/1': describeSpec,
  'task-confirm/1': confirmSpec,
  'main-file/1': mainSpec,
  'livy-output/1': outputSpec,
  'livy-upload/1': uploadSpec,
  'link-probe/1': probeSpec,
  'join/1': joinSpec,
} as unknown as Record<string, AnySpec>

export const IDENTIFY = '/ipfs/id/1.0.0'
export const HOP = '/libp2p/circuit/relay/0.2.0/hop'
export const STOP = '/libp2p/circuit/relay/0.2.0/stop'

/** Every protocol that an island registers. */
export function protocolsOf(archipelagoId: string): string[] {
  return [
    ...Object.values(SPECS).map((spec) => protocolId(archipelagoId, spec)),
    protocolId(archipelagoId, livySpec),
    `/archipel/${archipelagoId}/ping/1.0.0`,
    `/archipel/${archipelagoId}/kad/1.0.0`,
    `/archipel/${archipelagoId}/meshsub/1.1.0`,
    IDENTIFY,
    HOP,
    STOP,
  ].sort()
}

export interface About {
  archipelagoId: string
  /** The island asked. */
  island: string
  /** One of its heads, signed. */
  head: Uint8Array
  /** Of the asker. */
  peerId: Uint8Array
  address: string
}

/** A request for each of our own protocols. */
export function request(name: string, about: About): unknown {
  switch (name) {
    case 'catalog/digest/1':
      return { digest: new Uint8Array(32), now: Date.now(), own: true }
    case 'catalog/heads/1':
      return { buckets: [], of: 0, heads: [about.head] }
    case 'catalog/pull/1':
      return { origin: about.island, audience: 'members', from: null }
    case 'catalog/orphans/1':
      return { origin: about.island }
    case 'heartbeat/1':
      return BEAT()
    case 'reach/1':
      return { addresses: [about.address] }
    case 'resolve/1':
      return { ids: [`archipel:${about.island}/something`] }
    case 'manifest-block/1':
      return { dataset: `archipel:${about.island}/something`, version: '0'.repeat(64), block: '0'.repeat(64) }
    case 'transfer-have/1':
      return { dataset: `archipel:${about.island}/something`, version: '0'.repeat(64) }
    case 'transfer-capability/1':
      return { dataset: `archipel:${about.island}/something`, version: '0'.repeat(64), files: ['a'] }
    case 'transfer-tables/1':
      return { dataset: `archipel:${about.island}/something`, version: '0'.repeat(64), paths: ['a'] }
    case 'transfer-ranges/1':
      return {
        dataset: `archipel:${about.island}/something`,
        version: '0'.repeat(64),
        ranges: [{ path: 'a', offset: 0, length: 1 }],
      }
    case 'keep-promise/1':
      return {
        ask: 'keep',
        dataset: `archipel:${about.island}/something`,
        publisher: about.island,
        version: '0'.repeat(64),
        drop: 'a-try',
        forMs: 1000,
      }
    case 'replicate/1':
      return { op: 'state', ids: ['req-0123456789'] }
    case 'task-run/1':
      return { task: `task-${about.island}-1`, attempt: 1, user: 'owner', kind: 'sql', code: 'SELECT 1', datasets: [] }
    case 'task-attempt/1':
      return { op: 'watch', task: taskOf(about), attempt: 1, inlineBytes: 1024 }
    case 'task-control/1':
      return { op: 'cancel', task: taskOf(about), attempt: 1 }
    case 'task-claim/1':
      return { attempts: [{ task: taskOf(about), attempt: 1, state: 'running' }] }
    case 'task-read/1':
      return { task: taskOf(about), item: 'log', offset: 0, limit: 1024 }
    case 'task-describe/1':
      return { task: taskOf(about) }
    case 'task-confirm/1':
      return { user: 'owner', kind: 'sql', datasets: [] }
    case 'main-file/1':
      return { sha256: '0'.repeat(64), name: 'job.jar', offset: 0, task: taskOf(about) }
    case 'livy-output/1':
      return { key: 'some-entry', statement: 0 }
    case 'livy-upload/1':
      return {
        key: 'some-entry',
        what: 'file',
        name: 'a',
        upload: 'some-file',
        total: 1,
        offset: 0,
        bytes: new Uint8Array(1),
      }
    case 'link-probe/1':
      return { bytes: 1 }
    case 'join/1':
      return { type: 'present', facts: [] }
    default:
      throw new Error(`no request for ${name}`)
  }
}

const taskOf = ({ island }: About) => `task-${island}-0abcdefgh0`

const PRIVATE_TOPICS = ['heads', 'heartbeats']

/** For every protocol of an island, what an honest member may write first: each entry on a stream of its own. */
export function openings(about: About): Map<string, Uint8Array[]> {
  const { archipelagoId: id } = about
  const all = new Map<string, Uint8Array[]>()
  for (const [name, spec] of Object.entries(SPECS))
    all.set(protocolId(id, spec), [framed(encodeCanonical(request(name, about)))])
  // A stream that stays open: frames of requests, by number.
  all.set(protocolId(id, livySpec), [framed(encodeCanonical({ id: 1, request: { op: 'attach', entries: [] } }))])
  all.set(`/archipel/${id}/ping/1.0.0`, [randomBytes(32)])
  const key = Buffer.concat([Buffer.from([0x12, 0x20]), randomBytes(32)])
  const self = pb([
    [1, about.peerId],
    [2, Buffer.from([4, 127, 0, 0, 1, 6, 0x10, 0x10])],
  ])
  all.set(`/archipel/${id}/kad/1.0.0`, [
    dht(FIND_NODE, about.peerId),
    dht(GET_PROVIDERS, cid(key)),
    dht(ADD_PROVIDER, cid(key), self),
    dht(PING),
  ])
  const topics = PRIVATE_TOPICS.map((topic) => `/archipel/${id}/${topic}/1`)
  all.set(`/archipel/${id}/meshsub/1.1.0`, [
    framed(
      pb([
        ...topics.map(
          (topic): Field => [
            1,
            pb([
              [1, 1],
              [2, Buffer.from(topic)],
            ]),
          ],
        ),
        [3, pb(topics.map((topic): Field => [3, pb([[1, Buffer.from(topic)]])]))],
      ]),
    ),
  ])
  all.set(HOP, [
    framed(pb([[1, 0]])),
    framed(
      pb([
        [1, 1],
        [2, pb([[1, about.peerId]])],
      ]),
    ),
  ])
  all.set(STOP, [
    framed(
      pb([
        [1, 0],
        [2, pb([[1, about.peerId]])],
      ]),
    ),
  ])
  all.set(IDENTIFY, [new Uint8Array()])
  return all
}

export const ADD_PROVIDER = 2
export const GET_PROVIDERS = 3
export const FIND_NODE = 4
export const PING = 5

/** A message of kad-dht, framed. */
export function dht(type: number, key?: Uint8Array, provider?: Uint8Array): Uint8Array {
  const fields: Field[] = [[1, type]]
  if (key !== undefined) fields.push([2, key])
  if (provider !== undefined) fields.push([9, provider])
  return framed(pb(fields))
}

/** CIDv1, raw. */
export function cid(multihash: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([1, 0x55]), multihash])
}

export type Field = [number: number, value: number | Uint8Array]

/** Protocol Buffers: varints and byte strings. */
export function pb(fields: Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([number, value]) =>
      typeof value === 'number'
        ? Buffer.from([(number << 3) | 0, value])
        : Buffer.concat([Buffer.from([(number << 3) | 2]), framed(value)]),
    ),
  )
}

/** The frames of an answer, decoded. Throws when there is anything else. */
export function answers(bytes: Uint8Array): unknown[] {
  const all: unknown[] = []
  for (let at = 0; at < bytes.length; ) {
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) throw new Error('a length that is cut')
      length += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    all.push(decodeStrict(bytes.subarray(at, at + length), { maxBytes: 1 << 28 }))
    at += length
  }
  return all
}

/** The code of the error that an answer ends with; undefined when it is not refused. */
export function codeOf(bytes: Uint8Array): string | undefined {
  const last = answers(bytes).at(-1) as { error?: { code?: string } } | undefined
  return last?.error?.code
}
