import { join } from 'node:path'
import { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { archipelagoId, islandId } from '../../protocols/model/ids.ts'
import { pathIn, readSecret, writeSecret } from './data-dir.ts'

const base64 = z.string().transform((text): Uint8Array => new Uint8Array(Buffer.from(text, 'base64')))

const schema = z.object({
  version: z.literal(1),
  archipelago: z.object({ id: archipelagoId, name: z.string(), genesis: base64 }),
  island: z.object({ id: islandId, name: z.string(), card: base64 }),
  /** Signed member records known when the island joined: enough to know the members of then after the store was lost. */
  facts: z.array(base64),
  /** Where to find somebody: the ticket's issuer. */
  contacts: z.array(z.object({ peerId: z.string(), addresses: z.array(z.string()) })),
})
export type MembershipFile = z.output<typeof schema>

/** `archipelago.json`: what the island must not lose besides its key. @returns undefined when the island belongs to none */
export async function readMembership(dataDir: string): Promise<MembershipFile | undefined> {
  const text = await readSecret(pathIn(dataDir, 'membership'))
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new ArchipelError('DATA_DIR_BROKEN', 'archipelago.json cannot be read', {
      cause: error,
      hint: 'Restore it from a backup, or leave and join again.',
    })
  }
}

export async function writeMembership(dataDir: string, membership: MembershipFile): Promise<void> {
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const json = {
    ...membership,
    archipelago: { ...membership.archipelago, genesis: encode(membership.archipelago.genesis) },
    island: { ...membership.island, card: encode(membership.island.card) },
    facts: membership.facts.map(encode),
  }
  await writeSecret(pathIn(dataDir, 'membership'), `${JSON.stringify(json, null, 2)}\n`)
}

/** Where the remains of a former membership go: `left-<time>` inside the data directory. */
export function retiredDir(dataDir: string, now: number): string {
  return join(dataDir, `left-${new Date(now).toISOString().replace(/[:.]/g, '-')}`)
}
