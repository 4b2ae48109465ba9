import { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { readSecret, writeSecret } from './data-dir.ts'

/** What is remembered of a token; the secret itself is kept nowhere but with its holder. */
const stored = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['token', 'browser']),
  scopes: z.array(z.enum(['read', 'run', 'publish', 'admin'])).min(1),
  /** SHA-256 of the secret, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Milliseconds since 1970, as the others. */
  created: z.number(),
  expires: z.number().optional(),
  revoked: z.number().optional(),
  lastUsed: z.number().optional(),
})
export type StoredToken = z.infer<typeof stored>

const file = z.object({
  v: z.literal(1),
  /** SHA-256 of the token of the owner when this was written, hex. */
  owner: z.string().optional(),
  tokens: z.array(stored),
})
export type TokenFile = Omit<z.infer<typeof file>, 'v'>

/** @returns nothing where there is no file. @throws DATA_DIR_BROKEN, also when others may read it */
export async function readTokens(path: string): Promise<TokenFile> {
  const text = await readSecret(path)
  if (text === undefined) return { tokens: [] }
  try {
    return file.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArchipelError('DATA_DIR_BROKEN', 'tokens.json in the data directory cannot be read', {
      hint: 'Restore tokens.json from a backup; or delete it, which ends all tokens but that of the owner, and make new ones.',
      cause,
    })
  }
}

/** Whole or not at all, durable when it resolves. @throws DATA_DIR_BROKEN, DISK_FULL */
export async function writeTokens(path: string, { owner, tokens }: TokenFile): Promise<void> {
  await writeSecret(path, `${JSON.stringify({ v: 1, owner, tokens })}\n`)
}
