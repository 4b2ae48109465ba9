import { z } from 'zod'
import { ArchipelError } from '../model/errors.ts'
import { archipelagoId, islandId } from '../model/ids.ts'
import { decodeStrict, encodeCanonical } from '../record/cbor.ts'
import { type Signer, type Verify, verify as verifyEd25519 } from '../record/keys.ts'

/** One line: `archipel1.` and base64url of canonical CBOR `[payload, signature]`, signed by the issuing island's key. */
export const TICKET_PREFIX = 'archipel1.'
const CONTEXT = new TextEncoder().encode('archipel ticket 1\0')
const MAX_TICKET_CHARS = 8192

const bytes = (length: number) =>
  z.custom<Uint8Array>((b) => b instanceof Uint8Array && b.length === length, `${length} bytes`)

const ticketPayload = z.object({
  v: z.literal(1),
  archipelago: archipelagoId,
  name: z.string().max(100),
  issuer: islandId,
  key: bytes(32),
  addresses: z.array(z.string().max(256)).min(1).max(16),
  id: z.string().max(64),
  secret: bytes(20),
  /** Milliseconds since 1970. */
  expires: z.number().int(),
})
export type Ticket = z.infer<typeof ticketPayload>

export function encodeTicket(ticket: Ticket, signer: Signer): string {
  const payload = encodeCanonical(ticket)
  const signature = signer.sign(concat(CONTEXT, payload))
  return TICKET_PREFIX + Buffer.from(encodeCanonical([payload, signature])).toString('base64url')
}

/** Reads a ticket that may have been wrapped or quoted on its way. @throws TICKET_INVALID; never looks at the clock */
export function decodeTicket(text: string, verify: Verify = verifyEd25519): Ticket {
  const line = text.replace(/[\s"'`]+/g, '')
  if (!line.startsWith(TICKET_PREFIX) || line.length > MAX_TICKET_CHARS) throw invalid('this is not a ticket')
  if (!/^[A-Za-z0-9_-]+$/.test(line.slice(TICKET_PREFIX.length)))
    throw invalid('the ticket has characters that no ticket has')
  let ticket: Ticket
  try {
    const raw = Buffer.from(line.slice(TICKET_PREFIX.length), 'base64url')
    if (raw.toString('base64url') !== line.slice(TICKET_PREFIX.length)) throw invalid('the ticket was altered')
    const [payload, signature] = z
      .tuple([z.instanceof(Uint8Array), z.instanceof(Uint8Array)])
      .parse(decodeStrict(new Uint8Array(raw), { maxBytes: MAX_TICKET_CHARS }))
    ticket = ticketPayload.parse(decodeStrict(payload, { maxBytes: MAX_TICKET_CHARS }))
    if (!verify(ticket.key, concat(CONTEXT, payload), signature))
      throw invalid('the signature of the ticket does not fit: it was altered')
  } catch (error) {
    if (error instanceof ArchipelError && error.code === 'TICKET_INVALID') throw error
    throw invalid('the ticket is cut or altered')
  }
  return ticket
}

function invalid(message: string): ArchipelError {
  return new ArchipelError('TICKET_INVALID', message)
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
