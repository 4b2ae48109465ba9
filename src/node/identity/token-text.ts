/** The text of a token: `archipel_<id>_<secret>`. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const ID = /^[a-z2-7]{12}$/
const TEXT = /^archipel_([a-z2-7]{12})_([A-Za-z0-9_-]{43})$/
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** 60 random bits in base32. */
export function newTokenId(): string {
  return Array.from(randomBytes(12), (byte) => ALPHABET[byte & 31]).join('')
}

export function isTokenId(text: string): boolean {
  return ID.test(text)
}

/** 256 random bits in base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

export function tokenText(id: string, secret: string): string {
  return `archipel_${id}_${secret}`
}

export function parseToken(text: string): { id: string; secret: string } | undefined {
  const [, id, secret] = TEXT.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** Hex. The secret is random and long, so that a fast hash is enough. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** In a time that shows neither content nor length of what is compared. */
export function sameSecret(given: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(given), 'hex'), Buffer.from(hash, 'hex'))
}
