/**
 * Addresses of files that carry their own permission: what may be read, until when, on whose token, and a signature (HMAC-SHA256)
 * that only this island can make. The key follows from the token of the owner: exchanging that ends all of them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { FILE_URL_MS } from '../../protocols/model/file-url.ts'
import type { Holder, TokenBook } from './token-book.ts'

/** One file of one version. */
export interface SharedFile {
  /** `<id>@<publisher>` */
  ref: string
  version: string
  path: string
}

export interface FileUrls {
  /** @param token the id of the token of who asks; the address ends with it. @throws TOKEN_EXPIRED, TOKEN_REVOKED */
  make(file: SharedFile, request: { token: string; expiresMs?: number | undefined }): { url: string; expires: number }
  /** @throws URL_INVALID (altered, of another island or another file), URL_EXPIRED (its time or its token ended) */
  read(capability: string, name: string): { file: SharedFile; holder: Holder }
}

const FORM = 1
type Claims = [form: typeof FORM, ref: string, version: string, path: string, token: string, expires: number]

/** The last part of a path: tools tell by it what a file is. */
const nameOf = (path: string) => path.split('/').at(-1)!

export function fileUrls(
  self: string,
  { keyOf, holder }: Pick<TokenBook, 'keyOf' | 'holder'>,
  now: () => number = Date.now,
): FileUrls {
  const key = keyOf(`archipel file urls ${FORM} ${self}`)
  const sign = (payload: string) => createHmac('sha256', key).update(payload).digest('base64url')
  const invalid = () => new ArchipelError('URL_INVALID', 'this address is none that this island made for that file')

  function claimsOf(capability: string): Claims {
    const [payload = '', signature = '', ...more] = capability.split('.')
    const [given, expected] = [Buffer.from(signature), Buffer.from(sign(payload))]
    if (more.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalid()
    return JSON.parse(Buffer.from(payload, 'base64url').toString())
  }

  function holderOf(token: string): Holder {
    try {
      return holder(token)
    } catch (cause) {
      throw new ArchipelError('URL_EXPIRED', 'the token that this address was made with has ended', {
        cause: toArchipelError(cause),
      })
    }
  }

  return {
    make({ ref, version, path }, { token, expiresMs = FILE_URL_MS.standard }) {
      const end = holder(token).expires
      const expires = Math.min(now() + expiresMs, end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end))
      const claims: Claims = [FORM, ref, version, path, token, expires]
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
      const capability = `${payload}.${sign(payload)}`
      return { url: `/files/${capability}/${encodeURIComponent(nameOf(path))}`, expires }
    },
    read(capability, name) {
      const [, ref, version, path, token, expires] = claimsOf(capability)
      if (name !== nameOf(path)) throw invalid()
      if (expires <= now())
        throw new ArchipelError('URL_EXPIRED', `this address ended at ${new Date(expires).toISOString()}`)
      return { file: { ref, version, path }, holder: holderOf(token) }
    },
  }
}
