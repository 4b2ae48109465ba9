import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  randomBytes,
} from 'node:crypto'
import { ArchipelError } from '../model/errors.ts'

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64
export const SEED_BYTES = 32

/** Signs for one key. The private part stays inside. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes; the same for the same bytes (RFC 8032 is deterministic). */
  sign(bytes: Uint8Array): Uint8Array
}

/** Whether `signature` over `bytes` is by `publicKey`. Never throws; anything malformed is false. */
export type Verify = (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean

export interface SignedBytes {
  publicKey: Uint8Array
  bytes: Uint8Array
  signature: Uint8Array
}

/** Checks many at once, off the main thread where it can. The answers are in the order of the items. */
export type VerifyMany = (items: readonly SignedBytes[]) => Promise<boolean[]>

// RFC 8410: the fixed DER around a raw Ed25519 key.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** @throws BAD_INPUT when the seed is not 32 bytes */
export function signerFromSeed(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) throw new ArchipelError('BAD_INPUT', `a key seed is ${SEED_BYTES} bytes`)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: (bytes) => new Uint8Array(nodeSign(null, bytes, key)),
  }
}

/** 32 random bytes. */
export function generateSeed(): Uint8Array {
  return new Uint8Array(randomBytes(SEED_BYTES))
}

// Parsing a key costs a quarter of a verification. Bounded: an archipelago has thousands of keys at most.
const MAX_CACHED_KEYS = 4096
const keys = new Map<string, KeyObject>()

function keyObject(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1')
  const known = keys.get(name)
  if (known !== undefined) return known
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
  if (keys.size >= MAX_CACHED_KEYS) keys.clear()
  keys.set(name, key)
  return key
}

/** Ed25519 (RFC 8032). */
export const verify: Verify = (publicKey, bytes, signature) => {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    return nodeVerify(null, bytes, keyObject(publicKey), signature)
  } catch {
    return false
  }
}

/** As `verify`, on the thread pool, so that the event loop stays free and all cores help. */
export const verifyMany: VerifyMany = (items) => Promise.all(items.map(verifyOne))

function verifyOne({ publicKey, bytes, signature }: SignedBytes): Promise<boolean> {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return Promise.resolve(false)
  return new Promise((resolve) => {
    try {
      nodeVerify(null, bytes, keyObject(publicKey), signature, (error, valid) => resolve(error === null && valid))
    } catch {
      resolve(false)
    }
  })
}
