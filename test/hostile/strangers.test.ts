import { randomBytes } from 'node:crypto'
import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import * as assert from 'uvu/assert'
import { eventually, suite } from '../kit/index.ts'
import { change, found, type Home, joined, type Member, member, raw, settled, strangerKey } from './islands.ts'
import { exchange, type Heard, type RawPeer } from './raw-peer.ts'
import {
  type About,
  ADD_PROVIDER,
  answers,
  cid,
  dht,
  FIND_NODE,
  GET_PROVIDERS,
  IDENTIFY,
  openings,
  pb,
  protocolsOf,
} from './requests.ts'

const test = suite('strangers, the revoked and other archipelagos')

const LONG = { timeoutMs: 60_000 }
/** After the set-up: one, two, friend, accomplice, doomed. */
const MEMBERS = 5

let one: Home
let two: Home
let abroad: Home
/** A member, one that was, and one of another archipelago. */
let friend: Member
let revoked: Member
let foreigner: Member
/** Members that do as a stranger asks, and that will be revoked. */
let accomplice: Member
let doomed: Member
/** A signed head of `one`, as members see it. */
let head: Uint8Array

test.before(async (t) => {
  one = await found(t, 'one')
  two = await joined(t, one, 'two')
  friend = await member(t, one, 'friend')
  revoked = await member(t, one, 'revoked')
  accomplice = await member(t, one, 'accomplice')
  doomed = await member(t, one, 'doomed')
  await settled(t, [one, two], 6)
  await one.port.revoke({ member: revoked.island })
  abroad = await found(t, 'abroad', { 'network.bootstrap': one.addresses })
  foreigner = await member(t, abroad, 'foreigner')
  await settled(t, [one, two], MEMBERS)
  head = await headOf(await raw(t, { archipelagoId: one.archipelago.id, key: friend.key }))
}, LONG)

async function headOf(peer: RawPeer): Promise<Uint8Array> {
  const about = aboutFor(peer, one, new Uint8Array())
  const connection = await peer.connect(one.addresses)
  const name = `/archipel/${one.archipelago.id}/catalog/digest/1`
  const [answer] = answers((await exchange(connection, name, openings(about).get(name)!)).bytes)
  const heads = (answer as { item: { heads: Uint8Array[] } }).item.heads
  await peer.stop()
  return heads[0]!
}

function aboutFor(peer: RawPeer, island: Home, signedHead = head): About {
  return {
    archipelagoId: one.archipelago.id,
    island: island.id,
    head: signedHead,
    peerId: peer.node.peerId.toMultihash().bytes,
    address: island.addresses[0]!,
  }
}

/** What an island sent, or wanted to talk about, beyond identify and the answers of the join protocol. */
function leaked(heard: Heard[]): string[] {
  const join = `/archipel/${one.archipelago.id}/join/1`
  return heard
    .filter((h) => h.protocol !== IDENTIFY && (h.openedBy === 'island' || h.protocol !== join))
    .filter((h) => h.openedBy === 'island' || h.payload.length > 0)
    .map((h) => `${h.openedBy} opened ${h.protocol ?? 'nothing'}: ${h.payload.length} bytes`)
}

/** Each opening on a stream of its own, and what came back. */
async function tryAll(connection: Connection, about: About): Promise<Map<string, { bytes: number; end: string }[]>> {
  const results = new Map<string, { bytes: number; end: string }[]>()
  for (const [protocol, parts] of openings(about)) {
    const ends = []
    for (const part of parts) {
      const { bytes, end } = await exchange(connection, protocol, part, { timeoutMs: 3_000 })
      ends.push({ bytes: bytes.length, end })
    }
    results.set(protocol, ends)
  }
  return results
}

test('every protocol of an island is on the list of this test', async (t) => {
  const stranger = await raw(t, { archipelagoId: one.archipelago.id })
  const connection = await stranger.connect(one.addresses)
  const registered = await eventually(
    async () => {
      const { protocols } = await stranger.node.peerStore.get(connection.remotePeer)
      return protocols.length > 0 && protocols
    },
    { signal: t.signal },
  )
  const expected = protocolsOf(one.archipelago.id)
  assert.equal([...(registered as string[])].sort(), expected, 'a new protocol needs a request in requests.ts')
  assert.equal([...openings(aboutFor(stranger, one)).keys()].sort(), expected)
})

test('what is sent here is answered when a member sends it', async (t) => {
  const peer = await raw(t, { archipelagoId: one.archipelago.id, key: friend.key })
  const connection = await peer.connect(one.addresses)
  const results = await tryAll(connection, aboutFor(peer, one))
  for (const [protocol, ends] of results) {
    if (protocol === IDENTIFY || protocol.includes('/meshsub/')) continue
    assert.ok(
      ends.some((e) => e.bytes > 0),
      `${protocol}: ${JSON.stringify(ends)}`,
    )
  }
  const back = (h: Heard) => h.openedBy === 'island' && h.protocol?.includes('/meshsub/') === true
  await eventually(() => peer.heard().some(back), { signal: t.signal })
})

for (const [who, keyOf] of [
  ['a stranger', () => strangerKey()],
  ['a revoked member', () => revoked.key],
  ['a member of another archipelago', () => foreigner.key],
] as const) {
  test(`${who} hears on no protocol more than identify and the answers of the join protocol`, async (t) => {
    for (const island of [one, two]) {
      const peer = await raw(t, { archipelagoId: one.archipelago.id, key: keyOf() })
      const connection = await peer.connect(island.addresses)
      const about = aboutFor(peer, island)
      const join = `/archipel/${one.archipelago.id}/join/1`
      for (const [protocol, ends] of await tryAll(connection, about)) {
        if (protocol === join || protocol === IDENTIFY) continue
        for (const { bytes, end } of ends) {
          assert.is(bytes, 0, `${island.name}, ${protocol}`)
          assert.is(end, 'reset', `${island.name}, ${protocol}`)
        }
      }
      assert.equal(leaked(peer.heard()), [], island.name)
      const standings = peer.heard().filter((h) => h.protocol === join && h.payload.length > 0)
      assert.ok(standings.length > 0, 'the join protocol answers')
      for (const { payload } of standings) {
        const [answer] = answers(payload) as [{ item: { type: string; standing: string; facts: unknown[] } }]
        assert.is(answer.item.type, 'standing')
        assert.is(answer.item.standing, who === 'a revoked member' ? 'revoked' : 'unknown')
        if (who !== 'a revoked member') assert.equal(answer.item.facts, [], 'nothing is told of others')
      }
    }
  })
}

test('neither learns a real island of another archipelago anything, nor is it learnt of', async (t) => {
  const before = (await one.port.status()).catalog.digest
  await change(abroad, 'elsewhere')
  await change(one, 'at_home')
  const other = await abroad.port.status()
  assert.is(other.peers.connected, 0)
  assert.is(other.peers.members, 2)
  await settled(t, [one, two], MEMBERS)
  assert.is.not((await one.port.status()).catalog.digest, before)
  for (const island of [one, two]) {
    assert.is((await island.port.datasets({ text: 'elsewhere' })).total, 0)
    assert.is((await island.port.islands()).items.length, MEMBERS)
  }
  assert.is((await abroad.port.datasets({ text: 'at_home' })).total, 0)
})

/** Subscribes to our topics and notes who says what on them. */
function listen(peer: RawPeer): { topic: string; from: string; data: string }[] {
  const messages: { topic: string; from: string; data: string }[] = []
  const { pubsub } = peer.node.services
  for (const topic of topics()) pubsub!.subscribe(topic)
  pubsub!.addEventListener('message', ({ detail }) => {
    const data = Buffer.from(detail.data).toString('hex')
    messages.push({ topic: detail.topic, from: detail.type === 'signed' ? detail.from.toString() : '', data })
  })
  return messages
}

const topics = () => ['heads', 'heartbeats'].map((topic) => `/archipel/${one.archipelago.id}/${topic}/1`)

test(
  'gossip: strangers and the revoked hear nothing of changes',
  async (t) => {
    const id = one.archipelago.id
    const insider = await raw(t, { archipelagoId: id, key: friend.key, services: true })
    const outsiders = [
      await raw(t, { archipelagoId: id, services: true }),
      await raw(t, { archipelagoId: id, key: revoked.key, services: true }),
    ]
    const inside = listen(insider)
    const outside = outsiders.map((peer) => ({ peer, messages: listen(peer) }))
    for (const peer of [insider, ...outsiders]) for (const { addresses } of [one, two]) await peer.connect(addresses)
    let n = 0
    for (const topic of topics()) {
      await eventually(
        async () => {
          await change(one, `news_${++n}`)
          for (const { peer } of outside) await peer.node.services.pubsub!.publish(topic, randomBytes(64))
          return inside.some((m) => m.topic === topic)
        },
        { timeoutMs: 20_000, intervalMs: 500, signal: t.signal },
      )
    }
    await settled(t, [one, two], MEMBERS)
    for (const { peer, messages } of outside) {
      assert.equal(messages, [])
      assert.equal(leaked(peer.heard()), [])
      for (const topic of topics()) assert.equal(peer.node.services.pubsub!.getSubscribers(topic), [])
      assert.not.ok(inside.some((m) => m.from === peer.peerId))
    }
  },
  LONG,
)

test(
  'gossip: what a stranger says through a member that passes everything on goes no further than the first island',
  async (t) => {
    const id = one.archipelago.id
    const carrier = await raw(t, { archipelagoId: id, key: accomplice.key, services: 'gossip', listen: true })
    const stranger = await raw(t, { archipelagoId: id, services: 'gossip' })
    const insider = await raw(t, { archipelagoId: id, key: friend.key, services: 'gossip' })
    const [carried, inside] = [listen(carrier), listen(insider)]
    listen(stranger)
    await carrier.connect(one.addresses)
    await insider.connect(one.addresses)
    await stranger.connect(carrier.node.getMultiaddrs().map(String))
    const [heads] = topics() as [string]
    const from = (messages: { from: string }[], peer: RawPeer) => messages.some((m) => m.from === peer.peerId)
    await eventually(
      async () => {
        for (const peer of [stranger, carrier]) await peer.node.services.pubsub!.publish(heads, randomBytes(64))
        return from(carried, stranger) && from(inside, carrier)
      },
      { timeoutMs: 20_000, intervalMs: 200, signal: t.signal },
    )
    // The way is open: what the member says itself does arrive.
    const said = Array.from({ length: 5 }, () => randomBytes(64))
    for (const data of said) {
      await stranger.node.services.pubsub!.publish(heads, randomBytes(64))
      await carrier.node.services.pubsub!.publish(heads, data)
    }
    await eventually(() => said.every((data) => inside.some((m) => m.data === data.toString('hex'))), {
      signal: t.signal,
    })
    assert.not.ok(from(inside, stranger))
  },
  LONG,
)

test(
  'the DHT: strangers are in no routing table, their records are not kept, and nobody dials them',
  async (t) => {
    const id = one.archipelago.id
    const kad = `/archipel/${id}/kad/1.0.0`
    const stranger = await raw(t, { archipelagoId: id, services: true, listen: true })
    const accepting = await raw(t, { archipelagoId: id, key: accomplice.key, services: true, listen: true })
    const callers = new Set<string>()
    stranger.node.addEventListener('connection:open', ({ detail }) => {
      if (detail.direction === 'inbound') callers.add(detail.remotePeer.toString())
    })
    const asking = await raw(t, { archipelagoId: id, key: friend.key })
    const key = cid(Buffer.concat([Buffer.from([0x12, 0x20]), randomBytes(32)]))
    const self = pb([
      [1, stranger.node.peerId.toMultihash().bytes],
      [2, stranger.node.getMultiaddrs()[0]!.bytes],
    ])
    for (const island of [one, two]) {
      const connection = await stranger.connect(island.addresses)
      assert.is((await exchange(connection, kad, dht(ADD_PROVIDER, key, self))).end, 'reset')
    }
    // A member tells everybody of the stranger, when asked.
    await accepting.connect(stranger.node.getMultiaddrs().map(String))
    for (const { addresses } of [one, two]) await accepting.connect(addresses)
    const table = (accepting.node.services.dht as unknown as { routingTable: RoutingTable }).routingTable
    await eventually(async () => (await table.find(stranger.node.peerId)) !== undefined, { signal: t.signal })
    await stranger.node.hangUp(peerIdFromString(one.peerId))
    await stranger.node.hangUp(peerIdFromString(two.peerId))
    for (const island of [one, two]) {
      await island.port.resolve({ ref: `doi:10.1234/${randomBytes(4).toString('hex')}`, via: 'dht' }).catch(() => {})
      const connection = await asking.connect(island.addresses)
      for (const question of [dht(FIND_NODE, stranger.node.peerId.toMultihash().bytes), dht(GET_PROVIDERS, key)]) {
        const { bytes } = await exchange(connection, kad, question)
        assert.ok(bytes.length > 0, 'a member is answered')
        const told = Buffer.from(bytes).includes(Buffer.from(stranger.node.peerId.toMultihash().bytes).subarray(-32))
        // FIND_NODE repeats no key; GET_PROVIDERS repeats its own, which is another.
        assert.not.ok(told, `${island.name} tells of a stranger`)
      }
    }
    assert.equal([...callers], [accepting.peerId])
    assert.equal(leaked(stranger.heard().filter((h) => !fromPeer(h, stranger, accepting))), [])
  },
  LONG,
)

test('relays: a stranger can neither reserve nor be connected through one, with the tools of libp2p', async (t) => {
  for (const key of [strangerKey(), revoked.key, foreigner.key]) {
    const peer = await raw(t, { archipelagoId: one.archipelago.id, key })
    await peer.connect(one.addresses)
    const through = multiaddr(`${one.addresses[0]}/p2p/${one.peerId}/p2p-circuit/p2p/${two.peerId}`)
    const dialled = await peer.node.dial(through, { signal: AbortSignal.timeout(5_000) }).then(
      () => true,
      () => false,
    )
    assert.not.ok(dialled)
    assert.equal(leaked(peer.heard()), [])
  }
})

test(
  'a member that is revoked while it listens hears nothing from the moment on that the island knows',
  async (t) => {
    const id = one.archipelago.id
    const peer = await raw(t, { archipelagoId: id, key: doomed.key, services: true })
    const messages = listen(peer)
    const connection = await peer.connect(two.addresses)
    await eventually(
      async () => {
        await change(two, `before_${randomBytes(4).toString('hex')}`)
        return messages.some((m) => m.from === two.peerId && m.topic === topics()[0])
      },
      { timeoutMs: 20_000, intervalMs: 300, signal: t.signal },
    )
    const closed = new Promise((resolve) => connection.addEventListener('close', resolve))
    await one.port.revoke({ member: doomed.island })
    await eventually(async () => (await two.port.islands()).items.every((i) => i.id !== doomed.island), {
      intervalMs: 10,
      signal: t.signal,
    })
    const known = performance.now()
    await closed
    assert.ok(performance.now() - known < 500, 'the connection is cut as soon as the revocation is known')
    const count = messages.length
    await settled(t, [one, two], MEMBERS - 1)
    const second = await peer.connect(two.addresses)
    await change(two, 'after')
    await settled(t, [one, two], MEMBERS - 1)
    for (const [protocol, ends] of await tryAll(second, aboutFor(peer, two))) {
      if (protocol === IDENTIFY || protocol.endsWith('/join/1')) continue
      for (const { bytes } of ends) assert.is(bytes, 0, protocol)
    }
    assert.is(messages.length, count)
    const last = Math.max(...peer.heard().map((h) => h.connection))
    assert.equal(leaked(peer.heard().filter((h) => h.connection === last)), [])
    // The other islands do not look for it in the DHT either.
    const asking = await raw(t, { archipelagoId: id, key: friend.key })
    for (const island of [one, two]) {
      const question = dht(FIND_NODE, peer.node.peerId.toMultihash().bytes)
      const { bytes } = await exchange(await asking.connect(island.addresses), `/archipel/${id}/kad/1.0.0`, question)
      const told = Buffer.from(bytes).includes(Buffer.from(doomed.key.publicKey))
      assert.not.ok(told, `${island.name} still tells of it`)
    }
  },
  LONG,
)

interface RoutingTable {
  find(peerId: unknown): Promise<unknown>
}

/** Whether this came over a connection between these two raw peers, and not from an island. */
function fromPeer(heard: Heard, peer: RawPeer, other: RawPeer): boolean {
  return peer.peerOf(heard.connection) === other.peerId
}

test.run()
