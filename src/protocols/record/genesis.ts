import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { ArchipelError } from '../model/errors.ts'
import { parseUntrusted } from '../model/parse.ts'
import { decodeStrict, encodeCanonical } from './cbor.ts'
import { PUBLIC_KEY_BYTES } from './keys.ts'

/** Bytes of a genesis record or a first card. */
export const MAX_FOUNDING_BYTES = 4096
export const MAX_ADMINS = 16
const NONCE_BYTES = 16

const bytes = (least: number, most: number) =>
  z.custom<Uint8Array>(
    (v) => v instanceof Uint8Array && v.length >= least && v.length <= most,
    `${least} to ${most} bytes`,
  )
const key = bytes(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)
const nonce = bytes(8, 64)
const name = z.string().min(1).max(100)

const genesis = z.object({
  v: z.number().int().positive(),
  name,
  /** Public keys whose signature admits, revokes and ends quarantines without further vouching. */
  admins: z.array(key).min(1).max(MAX_ADMINS),
  created: z.number().int().nonnegative(),
  nonce,
})
/** What an archipelago starts from; its hash is the archipelago's id. */
export type Genesis = z.infer<typeof genesis>

const firstCard = z.object({
  v: z.number().int().positive(),
  name,
  site: z.string().max(200).optional(),
  /** The island's public key. */
  key,
  created: z.number().int().nonnegative(),
  nonce,
})
/** What an island starts from; its hash is the island's id. What may change later is in its record of kind `island`. */
export type FirstCard = z.infer<typeof firstCard>

/** @throws BAD_INPUT */
export function buildGenesis(fields: {
  name: string
  admins: Uint8Array[]
  created: number
  nonce?: Uint8Array
}): Uint8Array {
  return build(genesis, { v: 1, nonce: new Uint8Array(randomBytes(NONCE_BYTES)), ...fields })
}

/** @throws BAD_INPUT */
export function buildFirstCard(fields: {
  name: string
  site?: string
  key: Uint8Array
  created: number
  nonce?: Uint8Array
}): Uint8Array {
  return build(firstCard, { v: 1, nonce: new Uint8Array(randomBytes(NONCE_BYTES)), ...fields })
}

/** @throws RECORD_INVALID */
export function decodeGenesis(bytes: Uint8Array): Genesis {
  return read(genesis, bytes, 'a genesis record')
}

/** @throws RECORD_INVALID */
export function decodeFirstCard(bytes: Uint8Array): FirstCard {
  return read(firstCard, bytes, 'a first card')
}

/** `arc` and 32 base32 characters. */
export function archipelagoIdOf(genesisBytes: Uint8Array): string {
  return `arc${base32(hash20('archipel genesis 1\0', genesisBytes))}`
}

/** `isl` and 32 base32 characters. */
export function islandIdOf(firstCardBytes: Uint8Array): string {
  return `isl${base32(hash20('archipel island 1\0', firstCardBytes))}`
}

function hash20(prefix: string, bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(prefix).update(bytes).digest().subarray(0, 20)
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648, lower case, no padding. */
export function base32(bytes: Uint8Array): string {
  let out = ''
  let value = 0
  let bits = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    for (; bits >= 5; bits -= 5) out += ALPHABET[(value >> (bits - 5)) & 31]
  }
  return bits === 0 ? out : out + ALPHABET[(value << (5 - bits)) & 31]
}

function build<T>(schema: z.ZodType<T>, fields: unknown): Uint8Array {
  const parsed = parseUntrusted(schema, fields)
  if (!parsed.success) throw new ArchipelError('BAD_INPUT', z.prettifyError(parsed.error))
  return encodeCanonical(parsed.data)
}

function read<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  const parsed = parseUntrusted(schema, decodeStrict(bytes, { maxBytes: MAX_FOUNDING_BYTES }))
  if (!parsed.success) throw new ArchipelError('RECORD_INVALID', `not ${what}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
