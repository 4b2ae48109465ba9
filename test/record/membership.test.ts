import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type SignedRecord, signRecord } from '../../src/protocols/record/envelope.ts'
import {
  archipelagoIdOf,
  buildFirstCard,
  buildGenesis,
  decodeFirstCard,
  decodeGenesis,
  islandIdOf,
} from '../../src/protocols/record/genesis.ts'
import { signHead } from '../../src/protocols/record/head.ts'
import { type Signer, signerFromSeed, verify } from '../../src/protocols/record/keys.ts'
import {
  acceptCard,
  buildAdmission,
  buildEpochFloor,
  buildFork,
  buildLeft,
  buildRevocation,
  buildTicketRevocation,
  type MemberFact,
} from '../../src/protocols/record/member-facts.ts'
import { deriveMembership, type Membership } from '../../src/protocols/record/membership.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('record: membership')

const key = (n: number) => signerFromSeed(new Uint8Array(32).fill(n))
const admin = key(100)
const recovery = key(101)
const genesisBytes = buildGenesis({
  name: 'Tests',
  admins: [admin.publicKey, recovery.publicKey],
  created: 1,
  nonce: new Uint8Array(16),
})
const genesis = decodeGenesis(genesisBytes)
const archipelagoId = archipelagoIdOf(genesisBytes)

/** An island with a log that these tests write by hand. */
class Author {
  readonly signer: Signer
  readonly card: Uint8Array
  readonly id: string
  #seq = 0

  constructor(n: number) {
    this.signer = key(n)
    this.card = buildFirstCard({
      name: `island ${n}`,
      key: this.signer.publicKey,
      created: 1,
      nonce: new Uint8Array(16).fill(n),
    })
    this.id = islandIdOf(this.card)
  }

  /** A record of this island's log. */
  says(fact: MemberFact | { id: string; body?: undefined }, signer = this.signer): SignedRecord {
    const position = { origin: this.id, epoch: 1, seq: ++this.#seq, time: 1000 + this.#seq }
    const content = fact.body === undefined ? { withdrawn: true as const } : { body: fact.body }
    return signRecord({ archipelagoId, signer }, { kind: 'member', id: fact.id, ...position, ...content })
  }

  admits(member: Author, options: Partial<Parameters<typeof buildAdmission>[0]> = {}): SignedRecord {
    const inviter = options.inviter ?? this.id
    const acceptance = acceptCard({ archipelagoId, inviter, card: member.card, signer: member.signer })
    return this.says(
      buildAdmission({ archipelagoId, card: member.card, inviter, acceptance, mayInvite: true, ...options }),
    )
  }

  revokes(member: Author, by?: Signer): SignedRecord {
    const at = { epoch: 1, seq: 1 }
    const fields = { archipelagoId, member: member.id, at, invitees: 'revoke' as const }
    return this.says(buildRevocation(by === undefined ? fields : { ...fields, admin: by }))
  }
}

const make = (count: number) => Array.from({ length: count }, (_, i) => new Author(i + 1))
const derive = (facts: SignedRecord[]): Membership => deriveMembership({ archipelagoId, genesis, facts, verify })
const states = (m: Membership, authors: Author[]) => authors.map((a) => m.members.get(a.id)?.state)

test('ids follow from the bytes, and have the form of ids', () => {
  assert.match(archipelagoId, /^arc[a-z2-7]{32}$/)
  assert.match(new Author(1).id, /^isl[a-z2-7]{32}$/)
  assert.is.not(new Author(1).id, new Author(2).id)
  assert.is(decodeFirstCard(new Author(1).card).name, 'island 1')
})

test('a genesis or card out of bounds cannot be built or read', async () => {
  await rejects(async () => buildGenesis({ name: '', admins: [admin.publicKey], created: 1 }), 'BAD_INPUT')
  await rejects(async () => buildGenesis({ name: 'x', admins: [], created: 1 }), 'BAD_INPUT')
  await rejects(async () => buildGenesis({ name: 'x', admins: [new Uint8Array(31)], created: 1 }), 'BAD_INPUT')
  await rejects(async () => buildFirstCard({ name: 'x', key: new Uint8Array(5), created: 1 }), 'BAD_INPUT')
  await rejects(async () => decodeGenesis(new Author(1).card), 'RECORD_INVALID')
  await rejects(async () => decodeFirstCard(genesisBytes), 'RECORD_INVALID')
  await rejects(async () => decodeFirstCard(new Uint8Array(5000)), 'RECORD_INVALID')
})

test('nobody is a member without an admission that an admin signed at the root', () => {
  const [a, b] = make(2) as [Author, Author]
  assert.is(derive([]).members.size, 0)
  assert.is(derive([a.admits(a), a.admits(b), b.admits(a)]).members.size, 0)
  assert.equal(states(derive([a.admits(a, { admin })]), [a]), ['member'])
  assert.equal(states(derive([a.admits(a, { admin: recovery })]), [a]), ['member'])
  assert.is(derive([a.admits(a, { admin: key(7) })]).members.size, 0, 'some other key is no admin')
})

test('members admit members, as far as they may', () => {
  const [a, b, c, d] = make(4) as [Author, Author, Author, Author]
  const facts = [a.admits(a, { admin }), a.admits(b), b.admits(c, { mayInvite: false }), c.admits(d)]
  const m = derive(facts)
  assert.equal(states(m, [a, b, c, d]), ['member', 'member', 'member', undefined])
  assert.is(m.members.get(b.id)!.admittedBy, a.id)
  assert.is(m.members.get(c.id)!.mayInvite, false)
  assert.equal(new Uint8Array(m.members.get(b.id)!.key), b.signer.publicKey)
})

test('an admission counts only with the acceptance of the member for this inviter, and from its author', () => {
  const [a, b, c] = make(3) as [Author, Author, Author]
  const root = a.admits(a, { admin })
  const forC = acceptCard({ archipelagoId, inviter: c.id, card: b.card, signer: b.signer })
  const byOther = acceptCard({ archipelagoId, inviter: a.id, card: b.card, signer: c.signer })
  const elsewhere = acceptCard({ archipelagoId: `arc${'b'.repeat(32)}`, inviter: a.id, card: b.card, signer: b.signer })
  for (const [what, acceptance] of Object.entries({ forC, byOther, elsewhere, none: new Uint8Array(64) })) {
    assert.equal(states(derive([root, a.admits(b, { acceptance })]), [b]), [undefined], what)
  }
  const forged = a.says(
    buildAdmission({
      archipelagoId,
      card: b.card,
      inviter: a.id,
      acceptance: acceptCard({ archipelagoId, inviter: a.id, card: b.card, signer: b.signer }),
      mayInvite: true,
    }),
    c.signer,
  )
  assert.equal(states(derive([root, forged]), [b]), [undefined], 'signed by another key')
})

test('an admission under the wrong id is nothing', () => {
  const [a, b, c] = make(3) as [Author, Author, Author]
  const fact = buildAdmission({
    archipelagoId,
    card: b.card,
    inviter: a.id,
    acceptance: acceptCard({ archipelagoId, inviter: a.id, card: b.card, signer: b.signer }),
    mayInvite: true,
  })
  assert.is(derive([a.admits(a, { admin }), a.says({ ...fact, id: c.id })]).members.size, 1)
})

test('a later record replaces the earlier; a withdrawn admission is none', () => {
  const [a, b] = make(2) as [Author, Author]
  const facts = [a.admits(a, { admin }), a.admits(b), a.says({ id: b.id })]
  assert.equal(states(derive(facts), [b]), [undefined])
  assert.equal(states(derive([...facts, a.admits(b)]), [b]), ['member'])
})

test('an inviter revokes whom it invited and who was invited further down, nobody else', () => {
  const [root, a, b, c, d] = make(5) as [Author, Author, Author, Author, Author]
  const base = [root.admits(root, { admin }), root.admits(a), root.admits(d), a.admits(b), b.admits(c)]
  assert.equal(states(derive([...base, a.revokes(b)]), [a, b, c]), ['member', 'revoked', undefined])
  assert.equal(states(derive([...base, a.revokes(c)]), [a, b, c]), ['member', 'member', 'revoked'])
  assert.equal(states(derive([...base, c.revokes(b)]), [b, c]), ['member', 'member'], 'not upwards')
  assert.equal(states(derive([...base, b.revokes(b)]), [b]), ['member'], 'not oneself')
  assert.equal(states(derive([...base, d.revokes(b)]), [b]), ['member'], 'not across')
  assert.equal(states(derive([...base, a.revokes(root)]), [root]), ['member'], 'not the root')
})

test('nobody makes himself the inviter of others by admitting them again', () => {
  const [root, a, thief] = make(3) as [Author, Author, Author]
  const base = [root.admits(root, { admin }), root.admits(a), root.admits(thief)]
  const copied = (base[1]!.body as { acceptance: Uint8Array }).acceptance
  const stolen = thief.admits(a, { inviter: root.id, acceptance: copied })
  const claimed = thief.admits(a, { inviter: thief.id, acceptance: copied })
  assert.equal(states(derive([...base, stolen, claimed, thief.revokes(a)]), [a, thief]), ['member', 'member'])
})

test('an admin revokes anybody, the word standing in whichever log', () => {
  const [root, a, b] = make(3) as [Author, Author, Author]
  const base = [root.admits(root, { admin }), root.admits(a), a.admits(b)]
  assert.equal(states(derive([...base, b.revokes(root, recovery)]), [root, a, b]), ['revoked', undefined, undefined])
  assert.equal(states(derive([...base, b.revokes(a, key(50))]), [a, b]), ['member', 'member'], 'not with another key')
  const stranger = new Author(9)
  assert.equal(states(derive([...base, stranger.revokes(b, admin)]), [b]), ['revoked'])
})

test('who was invited by a revoked island stays when another admits it again', () => {
  const [root, a, b] = make(3) as [Author, Author, Author]
  const base = [root.admits(root, { admin }), root.admits(a), a.admits(b)]
  const { acceptance } = base[2]!.body as { acceptance: Uint8Array }
  const kept = root.admits(b, { inviter: a.id, acceptance })
  const m = derive([...base, kept, root.revokes(a)])
  assert.equal(states(m, [a, b]), ['revoked', 'member'])
  assert.is(m.members.get(b.id)!.admittedBy, root.id)
  assert.equal(
    states(derive([...base, kept, root.revokes(a), root.revokes(b)]), [b]),
    ['revoked'],
    'and the chain of invitations still holds',
  )
})

test('two that revoke each other: the one nearer to the root is heard', () => {
  const [root, a, b] = make(3) as [Author, Author, Author]
  const base = [root.admits(root, { admin }), root.admits(a), a.admits(b)]
  assert.equal(states(derive([...base, a.revokes(b), b.revokes(a), b.revokes(a)]), [a, b]), ['member', 'revoked'])
})

test('who left is no member for others, and what it had admitted stays', () => {
  const [a, b, c] = make(3) as [Author, Author, Author]
  const facts = [a.admits(a, { admin }), a.admits(b), b.admits(c), b.says(buildLeft(b.id))]
  assert.equal(states(derive(facts), [b, c]), ['left', 'member'])
  const [x, y] = [new Author(7), new Author(8)]
  const forged = x.says({ ...buildLeft(y.id) })
  assert.equal(
    states(derive([a.admits(a, { admin }), a.admits(x), a.admits(y), forged]), [y]),
    ['member'],
    'only itself leaves',
  )
})

test('a revoked ticket takes back the admissions that cite it, from its issuer or from an admin', () => {
  const [a, b, c] = make(3) as [Author, Author, Author]
  const base = [a.admits(a, { admin }), a.admits(b, { ticket: 't1' }), a.admits(c)]
  const mine = derive([...base, a.says(buildTicketRevocation({ archipelagoId, ticket: 't1' }))])
  assert.equal(states(mine, [b, c]), [undefined, 'member'])
  assert.ok(mine.revokedTickets.has('t1'))
  assert.equal(states(derive([...base, c.says(buildTicketRevocation({ archipelagoId, ticket: 't1' }))]), [b]), [
    'member',
  ])
  const byAdmin = c.says(buildTicketRevocation({ archipelagoId, ticket: 't1', admin }))
  assert.equal(states(derive([...base, byAdmin]), [b]), [undefined])
})

test('a proof of two histories quarantines, whoever shows it; a false one does nothing', () => {
  const [a, b, c] = make(3) as [Author, Author, Author]
  const base = [a.admits(a, { admin }), a.admits(b), a.admits(c)]
  const at = { origin: b.id, epoch: 4, seq: 2, time: 1 }
  const write = (signer: Signer, n: number, change: object = {}) =>
    signRecord({ archipelagoId, signer }, { kind: 'note', id: 'x', ...at, body: { n }, ...change }).bytes
  const head = (signer: Signer, fill: number, time = 1) =>
    signHead({ archipelagoId, signer }, { ...at, time, liveCount: 1, liveHash: new Uint8Array(32).fill(fill) }).bytes
  const quarantined = (x: Uint8Array, y: Uint8Array) =>
    derive([...base, c.says(buildFork(b.id, x, y))]).quarantined.get(b.id)
  assert.is(quarantined(write(b.signer, 1), write(b.signer, 2)), 4)
  assert.is(quarantined(head(b.signer, 1), head(b.signer, 2)), 4)
  assert.is(quarantined(write(b.signer, 1), write(b.signer, 1)), undefined, 'twice the same')
  assert.is(quarantined(write(b.signer, 1), write(c.signer, 2)), undefined, 'forged half')
  assert.is(quarantined(write(b.signer, 1), write(b.signer, 2, { seq: 3 })), undefined, 'two positions')
  assert.is(quarantined(write(b.signer, 1), write(b.signer, 2, { origin: c.id })), undefined, 'two origins')
  assert.is(quarantined(head(b.signer, 1), head(b.signer, 1, 5)), undefined, 'the time says nothing')
  assert.is(quarantined(head(c.signer, 1), head(c.signer, 2)), undefined, 'forged heads')
  assert.is(quarantined(head(b.signer, 1), write(b.signer, 2)), undefined, 'a head and a record')
  assert.is(quarantined(new Uint8Array(3), new Uint8Array(0)), undefined, 'nonsense')
})

test('an epoch countersigned by an admin ends a quarantine', () => {
  const [a, b] = make(2) as [Author, Author]
  const note = (n: number) =>
    signRecord(
      { archipelagoId, signer: b.signer },
      { kind: 'note', id: 'x', origin: b.id, epoch: 4, seq: 2, time: 1, body: { n } },
    ).bytes
  const base = [a.admits(a, { admin }), a.admits(b), a.says(buildFork(b.id, note(1), note(2)))]
  const floor = (epoch: number, by: Signer) =>
    derive([...base, a.says(buildEpochFloor({ archipelagoId, origin: b.id, epoch, admin: by }))])
  assert.is(floor(5, admin).quarantined.size, 0)
  assert.is(floor(5, admin).epochFloors.get(b.id), 5)
  assert.is(floor(4, admin).quarantined.size, 1)
  assert.is(floor(5, key(66)).quarantined.size, 1)
})

test('what proves itself and lost its author is named, to be stated again', () => {
  const [root, a, b] = make(3) as [Author, Author, Author]
  const base = [root.admits(root, { admin }), root.admits(a), root.admits(b)]
  const byA = a.revokes(b, admin)
  assert.equal(derive([...base, byA]).homeless, [])
  const m = derive([...base, byA, root.revokes(a)])
  assert.equal(states(m, [a, b]), ['revoked', 'revoked'])
  assert.equal(m.homeless, [byA])
  assert.equal(
    derive([...base, byA, root.revokes(a), root.says({ id: byA.id, body: byA.body } as MemberFact)]).homeless,
    [],
  )
})

test('the order of the facts and repetitions make no difference', () => {
  const authors = make(7)
  const [root, a, b, c, d, e, f] = authors as [Author, Author, Author, Author, Author, Author, Author]
  const kept = root.admits(c, {
    inviter: a.id,
    acceptance: acceptCard({ archipelagoId, inviter: a.id, card: c.card, signer: c.signer }),
  })
  const note = (n: number) =>
    signRecord(
      { archipelagoId, signer: d.signer },
      { kind: 'note', id: 'x', origin: d.id, epoch: 4, seq: 2, time: 1, body: { n } },
    ).bytes
  const facts = [
    root.admits(root, { admin }),
    root.admits(a),
    root.admits(b, { mayInvite: false }),
    a.admits(c),
    a.admits(d, { ticket: 't' }),
    b.admits(e),
    c.admits(f),
    c.admits(b),
    kept,
    d.admits(root),
    d.revokes(root),
    f.revokes(d),
    root.revokes(a),
    c.says(buildLeft(c.id)),
    a.says(buildTicketRevocation({ archipelagoId, ticket: 't' })),
    f.says(buildFork(d.id, note(1), note(2))),
    e.admits(e, { admin }),
    b.revokes(e, recovery),
    a.says({ id: c.id }),
  ]
  const summary = (m: Membership) =>
    JSON.stringify([
      [...m.members.values()].map((x) => [x.id, x.state, x.mayInvite, x.admittedBy, x.since]).sort(),
      [...m.quarantined].sort(),
      [...m.revokedTickets].sort(),
      m.homeless.map((r) => Buffer.from(r.bytes).toString('base64')).sort(),
    ])
  fc.assert(
    fc.property(fc.shuffledSubarray(facts, { minLength: 0 }), fc.integer(), (subset, turn) => {
      const expected = summary(derive(subset))
      const other = [...subset, ...subset.slice(0, 3)].sort(
        (x, y) => ((x.seq * 7919 + turn) % 13) - ((y.seq * 104729 + turn) % 11),
      )
      assert.is(summary(derive(other.reverse())), expected)
      const cache = new WeakMap()
      const input = { archipelagoId, genesis, verify, cache }
      deriveMembership({ ...input, facts: subset.slice(1) })
      assert.is(summary(deriveMembership({ ...input, facts: other })), expected, 'with answers kept from before')
    }),
    { numRuns: 300 },
  )
})

test('bodies of any shape are ignored, never fatal', () => {
  const [a, b] = make(2) as [Author, Author]
  const root = a.admits(a, { admin })
  const bytes = fc.uint8Array({ maxLength: 80 })
  const body = fc.oneof(
    fc.record({
      type: fc.constantFrom('admission', 'revocation', 'left', 'fork', 'epoch', 'ticket-revoked', 'lives', 'later'),
    }),
    fc.record({
      type: fc.constant('admission'),
      card: fc.oneof(bytes, fc.constant(b.card)),
      inviter: fc.constantFrom(a.id, b.id, 'x'),
      acceptance: bytes,
      mayInvite: fc.boolean(),
      admin: fc.option(fc.record({ key: fc.oneof(bytes, fc.constant(admin.publicKey)), sig: bytes }), {
        nil: undefined,
      }),
    }),
    fc.record({ type: fc.constant('fork'), origin: fc.constantFrom(a.id, b.id), a: bytes, b: bytes }),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(body, fc.constantFrom(b.id, `fork/${a.id}`, `epoch/${a.id}`, `revoked/${a.id}`, 'x'), (content, id) => {
      if (content === undefined) return
      const record = a.says({ id, body: content as MemberFact['body'] })
      const m = derive([root, record])
      assert.equal(states(m, [a, b]), ['member', undefined])
      assert.is(m.quarantined.size, 0)
    }),
    { numRuns: 500 },
  )
})

test.run()
