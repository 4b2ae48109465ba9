import { z } from 'zod'
import { islandId } from '../model/ids.ts'
import { parseUntrusted } from '../model/parse.ts'
import { encodeCanonical } from './cbor.ts'
import { type SignedRecord, signedMessage } from './envelope.ts'
import { islandIdOf } from './genesis.ts'
import type { Signer, Verify } from './keys.ts'
import type { Position } from './position.ts'

/** The kind of all records below. Their bodies may have further fields, which older versions ignore. */
export const MEMBER_KIND = 'member'

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes')
const count = z.number().int().nonnegative()
const adminSignature = z.object({ key: bytes, sig: bytes })

export const admission = z.object({
  type: z.literal('admission'),
  /** The member's first card, as bytes: their hash is its id. */
  card: bytes,
  /** Who invited it: the member's acceptance is given to this island and to no other. */
  inviter: islandId,
  /** The member's signature, see `acceptCard`. */
  acceptance: bytes,
  mayInvite: z.boolean(),
  ticket: z.string().max(128).optional(),
  admin: adminSignature.optional(),
})
export type Admission = z.infer<typeof admission>

export const revocation = z.object({
  type: z.literal('revocation'),
  member: islandId,
  /** The last position of the member's log that the revoker took into account. */
  at: z.object({ epoch: count, seq: count }),
  /** What the revoker did with those the member had invited: `keep` = admitted them itself, before this record. */
  invitees: z.enum(['keep', 'revoke']),
  admin: adminSignature.optional(),
})
export type Revocation = z.infer<typeof revocation>

export const left = z.object({ type: z.literal('left') })
export const ticketRevocation = z.object({
  type: z.literal('ticket-revoked'),
  ticket: z.string().max(128),
  admin: adminSignature.optional(),
})
export const forkProof = z.object({ type: z.literal('fork'), origin: islandId, a: bytes, b: bytes })
export const epochFloor = z.object({
  type: z.literal('epoch'),
  origin: islandId,
  epoch: count,
  admin: adminSignature,
})
/** The first record of each life of an origin: up to where its earlier epochs are contained in this one. */
export const lives = z.object({
  type: z.literal('lives'),
  /** Epochs below are contained as a whole. */
  floor: count,
  lives: z.array(z.tuple([count, count])).max(64),
})
export type Lives = z.infer<typeof lives>

export const memberBody = z.discriminatedUnion('type', [
  admission,
  revocation,
  left,
  ticketRevocation,
  forkProof,
  epochFloor,
  lives,
])
export type MemberBody = z.infer<typeof memberBody>

/** The record id that a body of kind `member` has to stand under. */
export function memberRecordId(body: MemberBody, origin: string): string {
  switch (body.type) {
    case 'admission':
      return islandIdOf(body.card)
    case 'revocation':
      return `revoked/${body.member}`
    case 'left':
      return `left/${origin}`
    case 'ticket-revoked':
      return `ticket/${body.ticket}`
    case 'fork':
      return `fork/${body.origin}`
    case 'epoch':
      return `epoch/${body.origin}`
    case 'lives':
      return `lives/${origin}`
  }
}

/** Undefined when the body is of a type unknown here, malformed, or under another id than its own. */
export function parseMemberBody(record: SignedRecord): MemberBody | undefined {
  if (record.kind !== MEMBER_KIND || record.withdrawn === true) return undefined
  const parsed = parseUntrusted(memberBody, record.body)
  if (!parsed.success) return undefined
  return memberRecordId(parsed.data, record.origin) === record.id ? parsed.data : undefined
}

/** A fact for `append(MEMBER_KIND, id, body)`. */
export interface MemberFact {
  id: string
  body: MemberBody
}

/** The new member's consent to be admitted by this inviter: its signature over archipelago, inviter and card. */
export function acceptCard(fields: {
  archipelagoId: string
  inviter: string
  card: Uint8Array
  signer: Signer
}): Uint8Array {
  return fields.signer.sign(acceptanceMessage(fields))
}

export function verifyAcceptance(
  fields: { archipelagoId: string; inviter: string; card: Uint8Array; acceptance: Uint8Array },
  key: Uint8Array,
  verify: Verify,
): boolean {
  return verify(key, acceptanceMessage(fields), fields.acceptance)
}

function acceptanceMessage(f: { archipelagoId: string; inviter: string; card: Uint8Array }): Uint8Array {
  return signedMessage(Buffer.from('archipel acceptance 1\0'), f.archipelagoId + f.inviter, f.card)
}

/** To be appended by a member that may invite; by anybody when `admin` signs. */
export function buildAdmission(fields: {
  archipelagoId: string
  card: Uint8Array
  inviter: string
  acceptance: Uint8Array
  mayInvite: boolean
  ticket?: string
  admin?: Signer
}): MemberFact {
  const { archipelagoId, admin, ...rest } = fields
  const body: Admission = { type: 'admission', ...rest }
  const signed = { ...body, ...signedByAdmin(archipelagoId, body, admin) }
  return { id: islandIdOf(fields.card), body: signed }
}

export function buildRevocation(fields: {
  archipelagoId: string
  member: string
  at: Position | { epoch: 0; seq: 0 }
  invitees: 'keep' | 'revoke'
  admin?: Signer
}): MemberFact {
  const { archipelagoId, admin, ...rest } = fields
  const body: Revocation = { type: 'revocation', ...rest, at: { epoch: rest.at.epoch, seq: rest.at.seq } }
  return { id: `revoked/${fields.member}`, body: { ...body, ...signedByAdmin(archipelagoId, body, admin) } }
}

export function buildLeft(self: string): MemberFact {
  return { id: `left/${self}`, body: { type: 'left' } }
}

export function buildTicketRevocation(fields: { archipelagoId: string; ticket: string; admin?: Signer }): MemberFact {
  const body = { type: 'ticket-revoked' as const, ticket: fields.ticket }
  return {
    id: `ticket/${fields.ticket}`,
    body: { ...body, ...signedByAdmin(fields.archipelagoId, body, fields.admin) },
  }
}

/** Two records or two heads, as received, that contradict each other. */
export function buildFork(origin: string, a: Uint8Array, b: Uint8Array): MemberFact {
  return { id: `fork/${origin}`, body: { type: 'fork', origin, a, b } }
}

/** Ends the quarantine of proofs with an epoch below `epoch`. */
export function buildEpochFloor(fields: {
  archipelagoId: string
  origin: string
  epoch: number
  admin: Signer
}): MemberFact {
  const body = { type: 'epoch' as const, origin: fields.origin, epoch: fields.epoch }
  const { admin } = signedByAdmin(fields.archipelagoId, body, fields.admin)
  return { id: `epoch/${fields.origin}`, body: { ...body, admin: admin! } }
}

type Unsigned =
  | Omit<Admission, 'admin'>
  | Omit<Revocation, 'admin'>
  | { type: 'ticket-revoked'; ticket: string }
  | { type: 'epoch'; origin: string; epoch: number }

function signedByAdmin(archipelagoId: string, body: Unsigned, admin: Signer | undefined) {
  if (admin === undefined) return {}
  return { admin: { key: admin.publicKey, sig: admin.sign(adminMessage(archipelagoId, body)) } }
}

/** What an admin signs: the statement alone, so that it holds in whichever log it stands. */
function adminMessage(archipelagoId: string, body: Unsigned): Uint8Array {
  const [word, statement] = statementOf(body)
  return signedMessage(Buffer.from(`archipel ${word} 1\0`), archipelagoId, encodeCanonical(statement))
}

function statementOf(body: Unsigned): [string, object] {
  switch (body.type) {
    case 'admission':
      return ['admission', { member: islandIdOf(body.card), mayInvite: body.mayInvite }]
    case 'revocation':
      return ['revocation', { member: body.member }]
    case 'ticket-revoked':
      return ['ticket', { ticket: body.ticket }]
    case 'epoch':
      return ['epoch', { origin: body.origin, epoch: body.epoch }]
  }
}

/** Whether an admin of the genesis signed the statement of this body. */
export function signedByAnAdmin(
  body: MemberBody,
  context: { archipelagoId: string; admins: readonly Uint8Array[]; verify: Verify },
): boolean {
  if (!('admin' in body) || body.admin === undefined) return false
  const { key, sig } = body.admin
  if (!context.admins.some((admin) => Buffer.compare(admin, key) === 0)) return false
  return context.verify(key, adminMessage(context.archipelagoId, body), sig)
}
