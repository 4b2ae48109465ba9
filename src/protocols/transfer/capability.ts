import { createHash } from 'node:crypto'
import { z } from 'zod'
import { ArchipelError } from '../model/errors.ts'
import { archipelagoId, islandId, MAX_ID_LENGTH } from '../model/ids.ts'
import { parseUntrusted } from '../model/parse.ts'
import { decodeStrict, encodeCanonical } from '../record/cbor.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Signer, type Verify, verify as verifyEd25519 } from '../record/keys.ts'
import { MAX_CAPABILITY_BYTES, MAX_CAPABILITY_PATTERNS } from './messages.ts'

/** Where ranges are asked for by HTTPS: POST, the request in canonical CBOR. */
export const RANGES_PATH = '/transfer/1/ranges'
/** Of `authorization`, before the capability in base64url. */
export const AUTH_SCHEME = 'Archipel '
/** The header with the proof that the asker has the key that the capability names, and that of the error that ended an answer: base64url. */
export const PROOF_HEADER = 'archipel-proof'
export const ERROR_TRAILER = 'archipel-error'

const CAPABILITY_CONTEXT = Buffer.from('archipel transfer capability 1\0')
const PROOF_CONTEXT = Buffer.from('archipel transfer request 1\0')

const bytes = (length: number) =>
  z.custom<Uint8Array>((b) => b instanceof Uint8Array && b.length === length, `${length} bytes`)

/** Leave for one island to fetch files of one version from one island, for a while. */
const capability = z.object({
  v: z.literal(1),
  archipelago: archipelagoId,
  /** Who gives. */
  issuer: islandId,
  /** Who may fetch, and its key: every request is signed with it. */
  holder: islandId,
  key: bytes(PUBLIC_KEY_BYTES),
  dataset: z.string().max(MAX_ID_LENGTH),
  version: z.string().regex(/^[0-9a-f]{64}$/),
  /** Patterns; none: all files. */
  files: z.array(z.string()).max(MAX_CAPABILITY_PATTERNS),
  /** Milliseconds since 1970 by the clock of the issuer, who alone looks at it. */
  expires: z.number().int(),
})
export type Capability = z.infer<typeof capability>

const envelope = z.tuple([z.custom<Uint8Array>((b) => b instanceof Uint8Array), bytes(SIGNATURE_BYTES)])

/** Canonical CBOR `[payload, signature]`, signed by the issuing island's key. */
export function encodeCapability(granted: Capability, signer: Signer): Uint8Array {
  const payload = encodeCanonical(granted)
  return encodeCanonical([payload, signer.sign(Buffer.concat([CAPABILITY_CONTEXT, payload]))])
}

/** @param issuer the key that has to have signed it @throws CAPABILITY_INVALID; never looks at the clock */
export function decodeCapability(raw: Uint8Array, issuer: Uint8Array, verify: Verify = verifyEd25519): Capability {
  try {
    const [payload, signature] = envelope.parse(decodeStrict(raw, { maxBytes: MAX_CAPABILITY_BYTES }))
    if (!verify(issuer, Buffer.concat([CAPABILITY_CONTEXT, payload]), signature))
      throw capabilityInvalid('it was not given by this island, or altered')
    const parsed = parseUntrusted(capability, decodeStrict(payload, { maxBytes: MAX_CAPABILITY_BYTES }))
    if (parsed.success) return parsed.data
  } catch (error) {
    if (error instanceof ArchipelError && error.code === 'CAPABILITY_INVALID') throw error
  }
  throw capabilityInvalid('it is cut or altered')
}

const proven = (raw: Uint8Array, body: Uint8Array) =>
  Buffer.concat([PROOF_CONTEXT, createHash('sha256').update(raw).digest(), createHash('sha256').update(body).digest()])

/** What the asker signs: this capability with this request. A capability alone is good for nothing. */
export function proofOf(raw: Uint8Array, body: Uint8Array, signer: Signer): Uint8Array {
  return signer.sign(proven(raw, body))
}

export function isProof(
  proof: Uint8Array,
  raw: Uint8Array,
  body: Uint8Array,
  key: Uint8Array,
  verify: Verify = verifyEd25519,
): boolean {
  return verify(key, proven(raw, body), proof)
}

export function capabilityInvalid(why: string): ArchipelError {
  return new ArchipelError('CAPABILITY_INVALID', `the capability is refused: ${why}`)
}
