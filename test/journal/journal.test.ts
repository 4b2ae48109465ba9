import * as assert from 'uvu/assert'
import { ticketBook } from '../../src/node/identity/tickets.ts'
import { journal } from '../../src/node/journal/journal.ts'
import { memberPolicy } from '../../src/node/policy/policy.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('journal, policy, tickets')

test('entries come newest first, and a store that fails stops nothing', async () => {
  const lines = new Map<string, string>()
  const errors: unknown[] = []
  let broken = false
  const store = {
    put: async (k: string, v: string) => {
      if (broken) throw new Error('full')
      lines.set(k, v)
    },
    last: async (limit: number, before?: string) =>
      [...lines]
        .filter(([key]) => before === undefined || key < before)
        .sort((a, b) => (a[0] < b[0] ? 1 : -1))
        .slice(0, limit),
    trim: async () => {},
  }
  let now = 1000
  const port = journal({ store, now: () => now, onError: (e) => errors.push(e) })
  port.write({ actor: 'a', action: 'x', subject: '1', outcome: 'ok' })
  now = 900 // a clock that jumps back does not change the order
  port.write({ actor: 'a', action: 'x', subject: '2', outcome: 'refused', code: 'FORBIDDEN' })
  const { items, next } = await port.read()
  assert.equal(
    items.map((e) => e.subject),
    ['2', '1'],
  )
  assert.is(next, undefined)
  const first = await port.read({ limit: 1 })
  assert.equal(
    first.items.map((e) => e.subject),
    ['2'],
  )
  const second = await port.read({ limit: 1, cursor: first.next! })
  assert.equal(
    second.items.map((e) => e.subject),
    ['1'],
  )
  assert.is(second.next, undefined)
  await rejects(port.read({ cursor: 'journal' }), 'BAD_INPUT')
  broken = true
  port.write({ actor: 'a', action: 'x', subject: '3', outcome: 'ok' })
  await Promise.resolve()
  await Promise.resolve()
  assert.is(errors.length, 1)
})

test('the owner may, members may run SQL, and the site may narrow that', () => {
  const island = 'isl-other'
  const may = (init: { sql: 'members' | 'none'; allow: string[] }, request: object) => {
    try {
      memberPolicy({ self: 'isl-self', ...init }).check({
        island,
        user: 'u',
        action: 'task:run',
        kind: 'sql',
        ...request,
      })
      return true
    } catch (error) {
      assert.is((error as { code: string }).code, 'FORBIDDEN')
      return false
    }
  }
  assert.is(may({ sql: 'members', allow: [] }, {}), true)
  assert.is(may({ sql: 'none', allow: [] }, {}), false)
  assert.is(may({ sql: 'none', allow: [] }, { island: 'isl-self' }), true)
  assert.is(may({ sql: 'members', allow: ['isl-third'] }, {}), false)
  assert.is(may({ sql: 'members', allow: [island] }, {}), true)
  assert.is(may({ sql: 'members', allow: [] }, { kind: 'python' }), false)
  assert.is(may({ sql: 'members', allow: [] }, { action: 'dataset:publish' }), false)
})

test('a ticket is used once, by the one who came first, who may come again', async () => {
  const kept = new Map<string, string>()
  let now = 1_000_000
  const book = ticketBook({
    now: () => now,
    store: {
      get: async (id) => kept.get(id),
      put: async (id, v) => void kept.set(id, v),
      delete: async (id) => void kept.delete(id),
      ids: async () => [...kept.keys()],
    },
  })
  const none = new Set<string>()
  const { id, secret } = await book.issue({ expiresMs: 1000, mayInvite: false })
  assert.ok(![...kept.values()].join().includes(Buffer.from(secret).toString('hex')), 'the secret is not kept')
  await rejects(book.use('nosuch', secret, 'x', none), 'TICKET_UNKNOWN')
  await rejects(book.use(id, new Uint8Array(20), 'x', none), 'TICKET_INVALID')
  const two = await Promise.allSettled([book.use(id, secret, 'x', none), book.use(id, secret, 'y', none)])
  assert.equal(
    two.map((r) => r.status),
    ['fulfilled', 'rejected'],
  )
  assert.is((await book.use(id, secret, 'x', none)).usedBy, 'x')
  await rejects(book.use(id, secret, 'z', none), 'TICKET_USED')
  await rejects(book.revoke(id), 'TICKET_USED')
  const late = await book.issue({ expiresMs: 1000, mayInvite: true })
  now += 1001
  await rejects(book.use(late.id, late.secret, 'z', none), 'TICKET_EXPIRED')
  const gone = await book.issue({ expiresMs: 1000, mayInvite: true })
  await book.revoke(gone.id)
  await rejects(book.use(gone.id, gone.secret, 'z', none), 'TICKET_REVOKED')
  const elsewhere = await book.issue({ expiresMs: 1000, mayInvite: true })
  await rejects(book.use(elsewhere.id, elsewhere.secret, 'z', new Set([elsewhere.id])), 'TICKET_REVOKED')
  now += 40 * 24 * 3600_000
  await book.issue({ expiresMs: 1000, mayInvite: false })
  assert.is(kept.size, 1, 'old ones are forgotten')
})

test.run()
