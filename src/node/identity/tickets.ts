import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** What the issuer remembers of a ticket; the secret itself is kept nowhere but in the ticket. */
const issued = z.object({
  id: z.string(),
  secretHash: z.string(),
  expires: z.number(),
  created: z.number(),
  mayInvite: z.boolean(),
  state: z.enum(['open', 'used', 'revoked']),
  usedBy: z.string().optional(),
})
export type IssuedTicket = z.infer<typeof issued>

export interface TicketStore {
  get(id: string): Promise<string | undefined>
  /** Durable when it resolves. */
  put(id: string, value: string): Promise<void>
  ids(): Promise<string[]>
  delete(id: string): Promise<void>
}

export interface TicketBook {
  issue(init: { expiresMs: number; mayInvite: boolean }): Promise<{ id: string; secret: Uint8Array; expires: number }>
  /** Marks it used by `island`, once and for all; the same island may come again. @throws TICKET_* */
  use(id: string, secret: Uint8Array, island: string, revoked: ReadonlySet<string>): Promise<IssuedTicket>
  /** @throws TICKET_UNKNOWN, TICKET_USED */
  revoke(id: string): Promise<void>
  get(id: string): Promise<IssuedTicket | undefined>
}

/** Tickets kept after they expired, so that a late comer learns what is wrong. */
const KEEP_MS = 30 * 24 * 3600_000
const MAX_OPEN = 10_000

export function ticketBook(components: { store: TicketStore; now?: () => number }): TicketBook {
  const { store } = components
  const now = components.now ?? Date.now
  // One at a time: of two redemptions at the same moment one wins.
  let queue: Promise<unknown> = Promise.resolve()
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work)
    queue = result.catch(() => {})
    return await result
  }

  async function get(id: string): Promise<IssuedTicket | undefined> {
    const text = await store.get(id)
    return text === undefined ? undefined : issued.parse(JSON.parse(text))
  }

  async function forgetOld(): Promise<number> {
    let open = 0
    for (const id of await store.ids()) {
      const ticket = await get(id)
      if (ticket !== undefined && ticket.expires + KEEP_MS < now()) await store.delete(id)
      else open += 1
    }
    return open
  }

  return {
    get,
    async issue({ expiresMs, mayInvite }) {
      return await alone(async () => {
        if ((await forgetOld()) >= MAX_OPEN)
          throw new ArchipelError('TOO_MANY', `more than ${MAX_OPEN} tickets are remembered`)
        const id = randomBytes(9).toString('base64url').replace(/[-_]/g, '0')
        const secret = new Uint8Array(randomBytes(20))
        const expires = now() + expiresMs
        const ticket: IssuedTicket = { id, secretHash: hash(secret), expires, created: now(), mayInvite, state: 'open' }
        await store.put(id, JSON.stringify(ticket))
        return { id, secret, expires }
      })
    },
    async use(id, secret, island, revoked) {
      return await alone(async () => {
        const ticket = await get(id)
        if (ticket === undefined)
          throw new ArchipelError('TICKET_UNKNOWN', 'this island did not issue that ticket, or forgot it long ago')
        if (!timingSafeEqual(Buffer.from(ticket.secretHash, 'hex'), Buffer.from(hash(secret), 'hex')))
          throw new ArchipelError('TICKET_INVALID', 'the secret of the ticket is wrong')
        if (ticket.state === 'revoked' || revoked.has(id))
          throw new ArchipelError('TICKET_REVOKED', 'the ticket was withdrawn')
        if (ticket.state === 'used') {
          if (ticket.usedBy === island) return ticket
          throw new ArchipelError('TICKET_USED', 'the ticket was used by another island')
        }
        if (ticket.expires < now())
          throw new ArchipelError('TICKET_EXPIRED', `the ticket expired at ${new Date(ticket.expires).toISOString()}`)
        const used: IssuedTicket = { ...ticket, state: 'used', usedBy: island }
        await store.put(id, JSON.stringify(used))
        return used
      })
    },
    async revoke(id) {
      await alone(async () => {
        const ticket = await get(id)
        if (ticket === undefined) throw new ArchipelError('TICKET_UNKNOWN', 'this island did not issue that ticket')
        if (ticket.state === 'used')
          throw new ArchipelError('TICKET_USED', `the ticket was used by ${ticket.usedBy}`, {
            hint: 'Revoke the island instead: archipel revoke <island>.',
          })
        await store.put(id, JSON.stringify({ ...ticket, state: 'revoked' }))
      })
    },
  }
}

function hash(secret: Uint8Array): string {
  return createHash('sha256').update('archipel ticket secret 1\0').update(secret).digest('hex')
}
