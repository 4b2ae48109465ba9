import { randomBytes } from 'node:crypto'
import { pathIn, readSecret, writeSecret } from './data-dir.ts'

const LEAST_LENGTH = 32

/** The bearer token of this island's owner, made at the first start. @throws DATA_DIR_BROKEN */
export async function ownerToken(dataDir: string): Promise<string> {
  const known = (await readSecret(pathIn(dataDir, 'token')))?.trim()
  if (known !== undefined && known.length >= LEAST_LENGTH) return known
  const token = randomBytes(32).toString('base64url')
  await writeSecret(pathIn(dataDir, 'token'), `${token}\n`)
  return token
}
