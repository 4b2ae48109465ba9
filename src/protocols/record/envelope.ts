import { createHash } from 'node:crypto'
import { ArchipelError } from '../model/errors.ts'
import { ISLAND_ID } from '../model/ids.ts'
import { decodeStrict, encodeCanonical } from './cbor.ts'
import { SIGNATURE_BYTES, type SignedBytes, type Signer, type Verify } from './keys.ts'
import { isCount, isPosition, type Position } from './position.ts'

/** Bytes of a signed record, signature included: a description of a dataset with a thousand columns fits. */
export const MAX_RECORD_BYTES = 64 * 1024
export const MAX_KIND_LENGTH = 32
/** UTF-16 units: an island id and a dataset id of full length fit. */
export const MAX_RECORD_ID_LENGTH = 1024
/** The only audience so far: every member. */
export const MEMBERS = 'members'

const RECORD_PREFIX = Buffer.from('archipel record 1\0')

/** What the origin signs. Fields this version does not know stay in the bytes. */
export interface RecordPayload extends Position {
  v: number
  /** `island`, `dataset`, `replica`, `rule`, `action`, `channel`, `member`, or one that a newer version knows. */
  kind: string
  /** Names the fact within `(origin, kind)`: a later record of the same id replaces the earlier. */
  id: string
  /** Island id of the author. */
  origin: string
  audience: string
  /** Milliseconds since 1970 by the author's clock. Shown, never used for order. */
  time: number
  body?: unknown
  /** True in a withdrawal, which has no body. */
  withdrawn?: true
  /** Where the content first stood, when the origin wrote it again after losing its store. Decides which content is newer. */
  was?: Position
}

/** A record as received: the fields for use, the bytes for keeping and passing on. */
export interface SignedRecord extends RecordPayload {
  /** Canonical CBOR of `[payload bytes, signature]`. */
  bytes: Uint8Array
  payload: Uint8Array
  signature: Uint8Array
}

export interface SignContext {
  archipelagoId: string
  signer: Signer
}

export type NewRecord = Omit<RecordPayload, 'v' | 'audience'> & { audience?: string }

/** @throws RECORD_INVALID when a field is out of its bounds or the whole is larger than `MAX_RECORD_BYTES` */
export function signRecord(context: SignContext, fields: NewRecord): SignedRecord {
  return signPayload(context, encodePayload(fields))
}

/** What will be signed, checked. @throws RECORD_INVALID */
export function encodePayload(fields: NewRecord): Uint8Array {
  const all: RecordPayload = { v: 1, audience: MEMBERS, ...fields }
  const problem = recordProblem(all)
  if (problem !== undefined) throw new ArchipelError('RECORD_INVALID', `not a record: ${problem}`)
  const payload = encodeCanonical(all)
  const size = payload.length + lengthHead(payload.length).length + 2 + SIGNATURE_BYTES
  if (size > MAX_RECORD_BYTES) {
    throw new ArchipelError('RECORD_INVALID', `a record of ${size} bytes; at most ${MAX_RECORD_BYTES} are allowed`)
  }
  return payload
}

export function signPayload(context: SignContext, payload: Uint8Array): SignedRecord {
  const signature = context.signer.sign(signedMessage(RECORD_PREFIX, context.archipelagoId, payload))
  return decodeRecord(encodeEnvelope(payload, signature))
}

/**
 * Reads a record; does not check its signature, nor its body against its kind.
 *
 * @throws RECORD_INVALID
 */
export function decodeRecord(bytes: Uint8Array): SignedRecord {
  const { payload, signature } = decodeEnvelope(bytes, MAX_RECORD_BYTES)
  const fields = decodeStrict(payload, { maxBytes: MAX_RECORD_BYTES }) as RecordPayload
  const problem = recordProblem(fields)
  if (problem !== undefined) throw new ArchipelError('RECORD_INVALID', `not a record: ${problem}`)
  const { v, kind, id, origin, audience, epoch, seq, time, body, withdrawn, was } = fields
  const record: SignedRecord = { v, kind, id, origin, audience, epoch, seq, time, bytes, payload, signature }
  if (withdrawn === true) record.withdrawn = true
  else record.body = body
  if (was !== undefined) record.was = was
  return record
}

function recordProblem(p: RecordPayload): string | undefined {
  if (typeof p !== 'object' || p === null || Array.isArray(p)) return 'not a map'
  if (!isCount(p.v) || p.v < 1) return 'v'
  if (typeof p.kind !== 'string' || !/^[a-z][a-z0-9-]*$/.test(p.kind) || p.kind.length > MAX_KIND_LENGTH) return 'kind'
  if (typeof p.id !== 'string' || p.id === '' || p.id.length > MAX_RECORD_ID_LENGTH) return 'id'
  if (typeof p.origin !== 'string' || !ISLAND_ID.test(p.origin)) return 'origin'
  if (typeof p.audience !== 'string' || p.audience === '' || p.audience.length > 64) return 'audience'
  if (!isPosition(p)) return 'epoch or seq'
  if (!isCount(p.time)) return 'time'
  if (p.withdrawn !== undefined && p.withdrawn !== true) return 'withdrawn'
  if ((p.withdrawn === true) === (p.body !== undefined)) return 'body and withdrawn'
  if (p.was !== undefined && !isPosition(p.was)) return 'was'
  return undefined
}

/** Whether the origin's key signed it, for this archipelago. The default of `verify` is Ed25519 of `keys.ts`. */
export function verifyRecord(
  context: { archipelagoId: string; verify: Verify },
  record: SignedRecord,
  publicKey: Uint8Array,
): boolean {
  const { bytes, signature } = recordToVerify(context.archipelagoId, record, publicKey)
  return context.verify(publicKey, bytes, signature)
}

/** The same as an item for `VerifyMany`. */
export function recordToVerify(archipelagoId: string, record: SignedRecord, publicKey: Uint8Array): SignedBytes {
  return { publicKey, bytes: signedMessage(RECORD_PREFIX, archipelagoId, record.payload), signature: record.signature }
}

/** SHA-256 of the signed bytes, hex. */
export function recordHash(record: { bytes: Uint8Array }): string {
  return createHash('sha256').update(record.bytes).digest('hex')
}

/** Where the content of a record stands, counting what was written again at its first place. */
export function contentPosition(record: RecordPayload): Position {
  return record.was ?? { epoch: record.epoch, seq: record.seq }
}

export function signedMessage(prefix: Uint8Array, archipelagoId: string, payload: Uint8Array): Uint8Array {
  return Buffer.concat([prefix, Buffer.from(archipelagoId), payload])
}

/**
 * `[payload, signature]` by hand: one form for one pair of payload and signature, so that nobody but the origin can
 * make a second record that differs in its bytes.
 */
export function encodeEnvelope(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  const head = lengthHead(payload.length)
  const bytes = new Uint8Array(head.length + payload.length + 2 + SIGNATURE_BYTES)
  bytes.set(head)
  bytes.set(payload, head.length)
  bytes.set([0x58, SIGNATURE_BYTES], head.length + payload.length)
  bytes.set(signature, head.length + payload.length + 2)
  return bytes
}

/** 0x82: an array of two; then the head of a byte string (RFC 8949, 3.1). */
function lengthHead(length: number): number[] {
  if (length < 24) return [0x82, 0x40 | length]
  if (length < 0x100) return [0x82, 0x58, length]
  if (length < 0x10000) return [0x82, 0x59, length >> 8, length & 0xff]
  throw new ArchipelError('RECORD_INVALID', `a payload of ${length} bytes; at most ${MAX_RECORD_BYTES} are allowed`)
}

/** @throws RECORD_INVALID */
export function decodeEnvelope(bytes: Uint8Array, maxBytes: number): { payload: Uint8Array; signature: Uint8Array } {
  if (bytes.length > maxBytes) {
    throw new ArchipelError('RECORD_INVALID', `${bytes.length} bytes; at most ${maxBytes} are allowed`)
  }
  const length = bytes.length
  for (const [form, headLength] of [
    [0x59, 4],
    [0x58, 3],
    [0x40, 2],
  ] as const) {
    const size = length - headLength - 2 - SIGNATURE_BYTES
    if (size < 0 || bytes[0] !== 0x82) continue
    const fits = form === 0x59 ? size >= 0x100 : form === 0x58 ? size >= 24 && size < 0x100 : size < 24
    if (!fits || !lengthHead(size).every((byte, i) => bytes[i] === byte)) continue
    if (bytes[headLength + size] !== 0x58 || bytes[headLength + size + 1] !== SIGNATURE_BYTES) continue
    return {
      payload: bytes.subarray(headLength, headLength + size),
      signature: bytes.subarray(length - SIGNATURE_BYTES),
    }
  }
  throw new ArchipelError('RECORD_INVALID', 'not a pair of payload and signature')
}
