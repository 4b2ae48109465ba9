import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { readSecret, writeSecret } from './data-dir.ts'

export interface KeyPair {
  /** 32 bytes each. */
  seed: Uint8Array
  publicKey: Uint8Array
}

/** PKCS#8 wrapping of a raw Ed25519 seed (RFC 8410, 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const RECOVERY_PREFIX = 'archipel-recovery-'

export function newKeyPair(): KeyPair {
  return pairOf(generateKeyPairSync('ed25519').privateKey)
}

export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  return pairOf(createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' }))
}

/** Reads a PEM key file of mode 0600. @returns undefined when there is none. @throws DATA_DIR_BROKEN */
export async function readKeyFile(path: string): Promise<KeyPair | undefined> {
  const pem = await readSecret(path)
  if (pem === undefined) return undefined
  try {
    return pairOf(createPrivateKey(pem))
  } catch (error) {
    throw new ArchipelError('DATA_DIR_BROKEN', 'the key file does not hold an Ed25519 key', { cause: error })
  }
}

export async function writeKeyFile(path: string, pair: KeyPair): Promise<void> {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, pair.seed]), format: 'der', type: 'pkcs8' })
  await writeSecret(path, key.export({ format: 'pem', type: 'pkcs8' }) as string, { replace: false })
}

/** The recovery key as a person keeps it: prefix, 64 hex digits in groups of eight. */
export function formatRecoveryKey(seed: Uint8Array): string {
  return RECOVERY_PREFIX + (Buffer.from(seed).toString('hex').match(/.{8}/g) ?? []).join('-')
}

/** @throws BAD_INPUT */
export function parseRecoveryKey(text: string): KeyPair {
  const hex = text.trim().replace(RECOVERY_PREFIX, '').replace(/[\s-]/g, '')
  if (!/^[0-9a-f]{64}$/i.test(hex))
    throw new ArchipelError('BAD_INPUT', 'this is not a recovery key', {
      hint: 'It starts with archipel-recovery- and has 64 hexadecimal digits.',
    })
  return keyPairFromSeed(Buffer.from(hex, 'hex'))
}

function pairOf(key: KeyObject): KeyPair {
  if (key.asymmetricKeyType !== 'ed25519') throw new ArchipelError('DATA_DIR_BROKEN', 'not an Ed25519 key')
  const jwk = key.export({ format: 'jwk' })
  const pub = createPublicKey(key).export({ format: 'jwk' })
  return {
    seed: new Uint8Array(Buffer.from(jwk.d ?? '', 'base64url')),
    publicKey: new Uint8Array(Buffer.from(pub.x ?? '', 'base64url')),
  }
}
