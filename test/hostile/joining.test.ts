import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { readMembership } from '../../src/node/identity/membership-file.ts'
import type { JoinReply, JoinRequest } from '../../src/protocols/join/messages.ts'
import { decodeTicket, type Ticket } from '../../src/protocols/join/ticket.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { decodeRecord, encodeEnvelope, signRecord } from '../../src/protocols/record/envelope.ts'
import { buildFirstCard, islandIdOf } from '../../src/protocols/record/genesis.ts'
import { type Signer, signerFromSeed } from '../../src/protocols/record/keys.ts'
import { acceptCard, buildAdmission, MEMBER_KIND } from '../../src/protocols/record/member-facts.ts'
import { eventually, suite } from '../kit/index.ts'
import {
  digest,
  found,
  type Home,
  joined,
  type Member,
  member,
  raw,
  settled,
  strangerKey,
  ticketOf,
} from './islands.ts'
import { exchange, framed, type RawPeer } from './raw-peer.ts'
import { answers } from './requests.ts'

const test = suite('joining, by those who should not')

let one: Home
let two: Home
let abroad: Home

test.before(
  async (t) => {
    one = await found(t, 'one')
    two = await joined(t, one, 'two')
    abroad = await found(t, 'abroad')
    await settled(t, [one, two])
  },
  { timeoutMs: 60_000 },
)

/** Somebody who wants to be in: a key, a card, and a node that speaks for it. */
interface Newcomer {
  peer: RawPeer
  signer: Signer
  card: Uint8Array
  island: string
}

async function newcomer(t: Parameters<typeof raw>[0], key = strangerKey()): Promise<Newcomer> {
  const card = buildFirstCard({ name: 'newcomer', key: key.publicKey, created: Date.now() })
  const peer = await raw(t, { archipelagoId: one.archipelago.id, key, alive: false })
  return { peer, signer: signerFromSeed(key.seed), card, island: islandIdOf(card) }
}

type Answer = { item: JoinReply } | { error: { code: string; message: string; hint: string; retryable: boolean } }

/** Asks on a connection of its own, and sees that a refusal says why and nothing else. */
async function ask(at: Home, who: Newcomer, request: unknown): Promise<Answer> {
  const connection = await who.peer.connect(at.addresses)
  const { bytes, end } = await exchange(
    connection,
    `/archipel/${one.archipelago.id}/join/1`,
    framed(encodeCanonical(request)),
  )
  assert.is(end, 'closed')
  const [answer, ...more] = answers(bytes) as Answer[]
  assert.equal(more, [])
  if ('error' in answer!) {
    assert.equal(Object.keys(answer.error).sort(), ['code', 'hint', 'message', 'retryable'])
    assert.is.not(answer.error.code, 'INTERNAL')
    assert.is.not(answer.error.hint, '')
  }
  return answer!
}

async function code(at: Home, who: Newcomer, request: unknown): Promise<string> {
  const answer = await ask(at, who, request)
  return 'error' in answer ? answer.error.code : `answered ${answer.item.type}`
}

function redeeming(who: Newcomer, ticket: Ticket, changed: Partial<JoinRequest> = {}): unknown {
  const acceptance = acceptCard({
    archipelagoId: ticket.archipelago,
    inviter: ticket.issuer,
    card: who.card,
    signer: who.signer,
  })
  return { type: 'redeem', ticket: ticket.id, secret: ticket.secret, card: who.card, acceptance, ...changed }
}

async function standing(at: Home, who: Newcomer, facts: Uint8Array[]): Promise<string> {
  const answer = await ask(at, who, { type: 'present', facts })
  if ('error' in answer) return answer.error.code
  return answer.item.type === 'standing' ? answer.item.standing : answer.item.type
}

async function unchanged(work: () => Promise<void>): Promise<void> {
  const before = await Promise.all(
    [one, two].map(async (i) => [await digest(i), (await i.port.islands()).items.length]),
  )
  await work()
  const after = await Promise.all([one, two].map(async (i) => [await digest(i), (await i.port.islands()).items.length]))
  assert.equal(after, before, 'catalog and members are what they were')
}

test('a ticket that is unknown, altered, withdrawn, expired or shown elsewhere says which it is', async (t) => {
  const who = await newcomer(t)
  const good = decodeTicket(await ticketOf(one))
  const short = decodeTicket(await ticketOf(one, { expiresMs: 1_000 }))
  const withdrawn = decodeTicket(await ticketOf(one))
  await one.port.revoke({ ticket: withdrawn.id })
  await settled(t, [one, two])
  await unchanged(async () => {
    assert.is(await code(one, who, redeeming(who, good, { ticket: 'nosuchticket' })), 'TICKET_UNKNOWN')
    assert.is(await code(one, who, redeeming(who, good, { ticket: '' })), 'TICKET_UNKNOWN')
    assert.is(await code(one, who, redeeming(who, good, { ticket: '\u0000!..\uffff' })), 'TICKET_UNKNOWN')
    assert.is(await code(one, who, redeeming(who, good, { secret: randomBytes(20) } as never)), 'TICKET_INVALID')
    assert.is(await code(one, who, redeeming(who, good, { secret: new Uint8Array() } as never)), 'TICKET_INVALID')
    assert.is(await code(one, who, redeeming(who, withdrawn)), 'TICKET_REVOKED')
    await eventually(() => short.expires < Date.now(), { signal: t.signal })
    assert.is(await code(one, who, redeeming(who, short)), 'TICKET_EXPIRED')
    assert.is(await code(one, who, redeeming(who, decodeTicket(await ticketOf(abroad)))), 'BAD_INPUT')
    assert.is(await code(two, who, redeeming(who, { ...good, issuer: two.id })), 'TICKET_UNKNOWN', 'another member')
  })
})

test('the card and its consent have to be those of the one that asks', async (t) => {
  const who = await newcomer(t)
  const other = await newcomer(t)
  const good = decodeTicket(await ticketOf(one))
  const consent = (fields: Partial<Parameters<typeof acceptCard>[0]>) => ({
    acceptance: acceptCard({
      archipelagoId: good.archipelago,
      inviter: good.issuer,
      card: who.card,
      signer: who.signer,
      ...fields,
    }),
  })
  await unchanged(async () => {
    assert.is(await code(one, who, redeeming(other, good)), 'BAD_INPUT', 'another’s card')
    assert.is(await code(one, who, redeeming(who, good, consent({ signer: other.signer }))), 'BAD_INPUT')
    assert.is(await code(one, who, redeeming(who, good, consent({ inviter: two.id }))), 'BAD_INPUT')
    assert.is(
      await code(one, who, redeeming(who, good, consent({ archipelagoId: abroad.archipelago.id }))),
      'BAD_INPUT',
    )
    assert.is(await code(one, who, redeeming(who, good, { acceptance: new Uint8Array(64) })), 'BAD_INPUT')
    assert.is(await code(one, who, redeeming(who, good, { acceptance: new Uint8Array(3) })), 'BAD_INPUT')
    for (const card of [new Uint8Array(), randomBytes(200), encodeCanonical({ v: 1, name: 'x' })])
      assert.is(await code(one, who, redeeming(who, good, { card })), 'RECORD_INVALID')
    for (const bad of [{ card: new Uint8Array(5000) }, { secret: 'text' }, { ticket: 7 }, { ticket: 'x'.repeat(65) }])
      assert.is(await code(one, who, redeeming(who, good, bad as never)), 'PROTOCOL')
  })
  assert.is(await code(one, who, redeeming(who, good)), 'answered redeemed', 'and the ticket is still good')
})

test('of many at the same moment one gets in, the others hear that the ticket is used', async (t) => {
  const ticket = decodeTicket(await ticketOf(one))
  const all = await Promise.all(Array.from({ length: 8 }, async () => newcomer(t)))
  const codes = await Promise.all(all.map(async (who) => code(one, who, redeeming(who, ticket))))
  assert.equal(codes.sort(), [...Array(7).fill('TICKET_USED'), 'answered redeemed'])
})

test('the one that got in may ask again, also as often as it likes at once', async (t) => {
  const who = await newcomer(t)
  const ticket = decodeTicket(await ticketOf(one))
  const again = async () => code(one, who, redeeming(who, ticket))
  const before = (await one.port.islands()).items.length
  assert.equal(new Set(await Promise.all([again(), again(), again()])), new Set(['answered redeemed']))
  assert.is(await again(), 'answered redeemed')
  assert.is((await one.port.islands()).items.length, before + 1)
  const third = await newcomer(t)
  assert.is(await code(one, third, redeeming(third, ticket)), 'TICKET_USED')
})

test('the one that got in and has no island yet is not cut off because it knows no heartbeats', async (t) => {
  const who = await newcomer(t)
  const ticket = decodeTicket(await ticketOf(one))
  assert.is(await code(one, who, redeeming(who, ticket)), 'answered redeemed')
  const connection = await who.peer.connect(one.addresses)
  const isReady = async () => (await one.port.islands()).items.some((i) => i.id === who.island && i.connected !== 'no')
  await eventually(async () => assert.ok(await isReady()), { timeoutMs: 10_000, signal: t.signal })
  // Three beats and more.
  await delay(3_500, undefined, { signal: t.signal })
  assert.is(connection.status, 'open')
  assert.is(await code(one, who, redeeming(who, ticket)), 'answered redeemed')
})

test('a revoked island does not come back with a new ticket', async (t) => {
  const bad = await member(t, one, 'bad')
  await one.port.revoke({ member: bad.island })
  const card = (await readMembership(bad.dataDir))!.island.card
  const who = { ...(await newcomer(t, bad.key)), card }
  assert.is(await code(one, who, redeeming(who, decodeTicket(await ticketOf(one)))), 'MEMBER_REVOKED')
})

test('chains that are forged, foreign, endless or of somebody else make nobody a member', async (t) => {
  const id = one.archipelago.id
  const who = await newcomer(t)
  const real = await member(t, one, 'real')
  const foreign = await member(t, abroad, 'foreign')
  await settled(t, [one, two], (await one.port.islands()).items.length)
  const chainOf = async (m: Member) => {
    const { facts } = (await readMembership(m.dataDir))!
    const own = facts.find((bytes) => decodeRecord(bytes).id === m.island)!
    return [own, ...facts.filter((bytes) => decodeRecord(bytes).id === decodeRecord(own).origin)]
  }
  const admission = (author: string, signer: Signer, card: Uint8Array, admin?: Signer) => {
    const acceptance = acceptCard({ archipelagoId: id, inviter: author, card, signer: who.signer })
    const fact = buildAdmission({
      archipelagoId: id,
      card,
      inviter: author,
      acceptance,
      mayInvite: true,
      ...(admin && { admin }),
    })
    const fields = {
      kind: MEMBER_KIND,
      id: fact.id,
      origin: author,
      epoch: 1,
      seq: 1,
      time: Date.now(),
      body: fact.body,
    }
    return signRecord({ archipelagoId: id, signer }, fields).bytes
  }
  const myself = admission(who.island, who.signer, who.card)
  await unchanged(async () => {
    for (const island of [one, two]) {
      const at = (facts: Uint8Array[], as = who) => standing(island, as, facts)
      assert.is(await at([]), 'unknown')
      assert.is(await at([myself]), 'unknown', 'admitted by itself')
      assert.is(
        await at([admission(who.island, who.signer, who.card, who.signer)]),
        'unknown',
        'as its own administrator',
      )
      assert.is(await at([admission(one.id, who.signer, who.card)]), 'unknown', 'in the name of a member')
      assert.is(
        await at([admission(real.island, signerFromSeed(real.key.seed), who.card)]),
        'unknown',
        'by one who may not invite',
      )
      const { payload } = decodeRecord(admission(one.id, who.signer, who.card))
      assert.is(await at([encodeEnvelope(payload, randomBytes(64))]), 'unknown', 'without a signature')
      assert.is(await at(await chainOf(real)), 'BAD_INPUT', 'of another')
      assert.is(await at(await chainOf(foreign)), 'BAD_INPUT')
      assert.is(await at([myself, ...(await chainOf(real))]), 'BAD_INPUT', 'not linked')
      assert.is(await at(Array(64).fill(myself)), 'unknown', 'a circle')
      assert.is(await at(Array(65).fill(myself)), 'PROTOCOL', 'too long')
      assert.is(await at([randomBytes(300)]), 'RECORD_INVALID')
      assert.is(await at([new Uint8Array()]), 'RECORD_INVALID')
      const other = { kind: 'dataset', id: 'x', origin: who.island, epoch: 1, seq: 1, time: Date.now(), body: {} }
      assert.is(await at([signRecord({ archipelagoId: id, signer: who.signer }, other).bytes]), 'BAD_INPUT')
    }
  })
  const connection = await who.peer.connect(one.addresses)
  const huge = framed(encodeCanonical({ type: 'present', facts: Array(30).fill(new Uint8Array(20_000)) }))
  const { bytes } = await exchange(connection, `/archipel/${id}/join/1`, huge)
  assert.is((answers(bytes)[0] as { error: { code: string } }).error.code, 'PROTOCOL')
  // The same way is open to those who are members.
  const themselves = await newcomer(t, real.key)
  assert.is(await standing(two, themselves, await chainOf(real)), 'member')
  const elsewhere = await newcomer(t, foreign.key)
  assert.is(await standing(one, elsewhere, await chainOf(foreign)), 'unknown', 'a member of another archipelago')
})

test.run()
