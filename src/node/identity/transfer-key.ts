/** The key of the HTTPS server that gives bytes to other islands: its own, so that the island's key signs nothing but its words. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { FILES, pathIn, readSecret, writeSecret } from './data-dir.ts'

export interface TransferKey {
  /** PEM. */
  key: string
  /** Self-signed: who connects looks at the key alone. PEM. */
  cert: string
  /** SHA-256 of the public key as SubjectPublicKeyInfo, in hex: what the card says. */
  pin: string
}

/** Made at the first call, the same ever after. @throws DATA_DIR_BROKEN, DISK_FULL */
export async function transferKey(dataDir: string): Promise<TransferKey> {
  const path = pathIn(dataDir, 'transferKey')
  const known = await readSecret(path)
  if (known !== undefined) return withCertificate(known)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  await writeSecret(path, pem, { replace: false })
  return withCertificate(pem)
}

function withCertificate(pem: string): TransferKey {
  let key: KeyObject | undefined
  try {
    key = createPrivateKey(pem)
  } catch {
    // Said below.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new ArchipelError('DATA_DIR_BROKEN', `${FILES.transferKey} does not hold a key of the kind P-256 in PEM`, {
      hint: `Delete ${FILES.transferKey} and start again: a new key is made, and told to the other islands.`,
    })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const body = certificate(spki, key).toString('base64').replace(/.{64}/g, '$&\n')
  return {
    key: pem,
    cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`,
    pin: createHash('sha256').update(spki).digest('hex'),
  }
}

// DER, by hand: Node reads certificates and makes none. Tags of ITU-T X.690.
const INTEGER = 0x02
const BIT_STRING = 0x03
const UTF8_STRING = 0x0c
/** Of years before 2050. */
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30
const SET = 0x31
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')
const COMMON_NAME = Buffer.from('0603550403', 'hex')

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

/** X.509 version 1 (RFC 5280, 4.1), valid always: a pin does not expire. */
function certificate(spki: Buffer, key: KeyObject): Buffer {
  const serial = randomBytes(8)
  // Positive, and in its shortest form.
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256)
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from('archipel')))))
  const validity = der(
    SEQUENCE,
    der(UTC_TIME, Buffer.from('250101000000Z')),
    der(GENERALIZED_TIME, Buffer.from('99991231235959Z')),
  )
  const signed = der(SEQUENCE, der(INTEGER, serial), algorithm, name, validity, name, spki)
  return der(SEQUENCE, signed, algorithm, der(BIT_STRING, Buffer.of(0), sign('sha256', signed, key)))
}
