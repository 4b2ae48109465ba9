import { ArchipelError } from '../model/errors.ts'
import { islandId } from '../model/ids.ts'
import { parseUntrusted } from '../model/parse.ts'
import { decodeStrict, encodeCanonical } from './cbor.ts'
import { decodeEnvelope, encodeEnvelope, MEMBERS, type SignContext, signedMessage } from './envelope.ts'
import type { Verify } from './keys.ts'
import { isCount, isPosition, type Position } from './position.ts'

/** A head of this version has about 250 bytes; newer ones may say more. */
export const MAX_HEAD_BYTES = 2048
export const LIVE_HASH_BYTES = 32

const HEAD_PREFIX = Buffer.from('archipel head 1\0')

/** The state of a log in one signed line: its newest position and the set of its live records. */
export interface Head extends Position {
  v: number
  origin: string
  audience: string
  /** Records that are live: neither replaced nor withdrawn. */
  liveCount: number
  /** `LiveSet.digest()` over their signed bytes. */
  liveHash: Uint8Array
  /** Milliseconds since 1970 by the author's clock. */
  time: number
}

export interface SignedHead extends Head {
  bytes: Uint8Array
  payload: Uint8Array
  signature: Uint8Array
}

export type NewHead = Omit<Head, 'v' | 'audience'> & { audience?: string }

export function signHead(context: SignContext, fields: NewHead): SignedHead {
  const payload = encodeCanonical({ v: 1, audience: MEMBERS, ...fields })
  const signature = context.signer.sign(signedMessage(HEAD_PREFIX, context.archipelagoId, payload))
  return decodeHead(encodeEnvelope(payload, signature))
}

/** Reads a head; does not check its signature. @throws RECORD_INVALID */
export function decodeHead(bytes: Uint8Array): SignedHead {
  const { payload, signature } = decodeEnvelope(bytes, MAX_HEAD_BYTES)
  const h = decodeStrict(payload, { maxBytes: MAX_HEAD_BYTES }) as Head
  const problem = headProblem(h)
  if (problem !== undefined) throw new ArchipelError('RECORD_INVALID', `not a head: ${problem}`)
  const { v, origin, audience, epoch, seq, liveCount, liveHash, time } = h
  return { v, origin, audience, epoch, seq, liveCount, liveHash, time, bytes, payload, signature }
}

function headProblem(h: Head): string | undefined {
  if (typeof h !== 'object' || h === null || Array.isArray(h)) return 'not a map'
  if (!isCount(h.v) || h.v < 1) return 'v'
  if (!parseUntrusted(islandId, h.origin).success) return 'origin'
  if (typeof h.audience !== 'string' || h.audience === '' || h.audience.length > 64) return 'audience'
  if (!isPosition(h)) return 'epoch or seq'
  if (!isCount(h.liveCount)) return 'liveCount'
  if (!(h.liveHash instanceof Uint8Array) || h.liveHash.length !== LIVE_HASH_BYTES) return 'liveHash'
  if (!isCount(h.time)) return 'time'
  return undefined
}

export function verifyHead(
  context: { archipelagoId: string; verify: Verify },
  head: SignedHead,
  publicKey: Uint8Array,
): boolean {
  return context.verify(publicKey, signedMessage(HEAD_PREFIX, context.archipelagoId, head.payload), head.signature)
}

/** Whether two heads of one position state different sets, which an honest origin never signs. */
export function headsConflict(a: Head, b: Head): boolean {
  return (
    a.origin === b.origin &&
    a.audience === b.audience &&
    a.epoch === b.epoch &&
    a.seq === b.seq &&
    (a.liveCount !== b.liveCount || Buffer.compare(a.liveHash, b.liveHash) !== 0)
  )
}
