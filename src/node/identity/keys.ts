import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { basename } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { FILES, readSecret, writeSecret } from './data-dir.ts'

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
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (error) {
    throw brokenKey(path, pem.trim() === '' ? 'it is empty' : 'it is cut or altered', error)
  }
  if (key.asymmetricKeyType !== 'ed25519') throw brokenKey(path, `it holds one of type ${key.asymmetricKeyType}`)
  return pairOf(key)
}

/** What to do when the key of an island is lost. */
export const KEY_LOST_HINT = `Restore ${FILES.key} from a backup. If there is none, put the data directory aside, join again with a new ticket, and have the old island revoked.`

function brokenKey(path: string, why: string, cause?: unknown): ArchipelError {
  const name = basename(path)
  return new ArchipelError('DATA_DIR_BROKEN', `${name} does not hold an Ed25519 private key in PEM: ${why}`, {
    cause,
    hint:
      name === FILES.key
        ? KEY_LOST_HINT
        : `Restore ${name} from a backup. If there is none, move it away: from then on the recovery key alone acts for the archipelago.`,
  })
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
  const jwk = key.export({ format: 'jwk' })
  const pub = createPublicKey(key).export({ format: 'jwk' })
  return {
    seed: new Uint8Array(Buffer.from(jwk.d ?? '', 'base64url')),
    publicKey: new Uint8Array(Buffer.from(pub.x ?? '', 'base64url')),
  }
}
