import type { Connection, Stream } from '@libp2p/interface'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { newKeyPair } from '../../src/node/identity/keys.ts'
import { createNode, type IslandNode } from '../../src/node/network/libp2p.ts'
import { libp2pLogger } from '../../src/node/network/logger.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import { forgetRoutes, routes } from '../../src/node/network/routes.ts'
import { MAX_STRANGERS, visitors } from '../../src/node/network/visitors.ts'
import { joinSpec } from '../../src/protocols/join/messages.ts'
import { serve } from '../../src/protocols/wire/server.ts'
import { eventually, suite } from '../kit/index.ts'
import { type Context, raw } from './islands.ts'
import { ARCHIPELAGO, islandNet, type Node, networkInit } from './pair.ts'
import { exchange, framed, type RawPeer } from './raw-peer.ts'
import { codeOf } from './requests.ts'

const test = suite('what strangers may take')
const JOIN = `/archipel/${ARCHIPELAGO}/join/1`
const STANDING = { type: 'standing' as const, standing: 'unknown' as const, facts: [], time: 0 }

/** The network of an island with these members, and a join protocol that answers. */
async function island(t: Context, members: Set<string>, strangerMs?: number): Promise<Node> {
  const node = await islandNet(t, members, strangerMs === undefined ? {} : { strangerMs })
  await serve(node.net, joinSpec, async () => STANDING, { stopping: new AbortController().signal })
  return node
}

const closed = async (connection: Connection) =>
  connection.status === 'open' ? new Promise<void>((r) => connection.addEventListener('close', () => r())) : undefined

test('a stranger has its time, whatever it does, and no more; a member stays', async (t) => {
  const friend = newKeyPair()
  const { at } = await island(t, new Set([peerIdOf(friend.publicKey)]), 1_000)
  const stranger = await raw(t, { archipelagoId: ARCHIPELAGO })
  const held = await raw(t, { archipelagoId: ARCHIPELAGO })
  const member = await raw(t, { archipelagoId: ARCHIPELAGO, key: friend })
  const started = performance.now()
  const [a, b, c] = await Promise.all([stranger.connect(at), held.connect(at), member.connect(at)])
  // One that keeps a stream open and unfinished does not stay for it.
  const stream = await b.newStream(JOIN)
  stream.send(new Uint8Array([0x80]))
  await Promise.all([closed(a), closed(b)])
  const ms = performance.now() - started
  assert.ok(ms > 900 && ms < 5_000, `closed after ${Math.round(ms)} ms`)
  assert.is(c.status, 'open')
})

test(
  'strangers are counted: of a hundred connections 64 stay, a few of each peer, and a member still gets in',
  async (t) => {
    const friend = newKeyPair()
    const { net, at } = await island(t, new Set([peerIdOf(friend.publicKey)]))
    const peers = await Promise.all(Array.from({ length: 12 }, async () => raw(t, { archipelagoId: ARCHIPELAGO })))
    const open = (peer: RawPeer) => peer.node.getConnections().filter((c) => c.status === 'open').length
    const total = () => peers.reduce((sum, peer) => sum + open(peer), 0)
    await Promise.all(peers.map(async (peer) => burst(peer, at, 10)))
    // A connection that was refused is closed here a moment later.
    await eventually(() => total() <= MAX_STRANGERS && peers.every((peer) => open(peer) <= 8), { signal: t.signal })
    assert.ok(total() > MAX_STRANGERS / 2, `only ${total()} of the strangers are let in`)
    const member = await raw(t, { archipelagoId: ARCHIPELAGO, key: friend })
    await member.connect(at)
    await eventually(() => net.connections().length === 1, { signal: t.signal })
  },
  { timeoutMs: 60_000 },
)

async function burst(peer: RawPeer, at: string[], count: number): Promise<void> {
  await Promise.allSettled(Array.from({ length: count }, async () => peer.connect(at, { force: true })))
}

test('a stranger that opens stream after stream is cut off', async (t) => {
  const { at } = await island(t, new Set())
  const stranger = await raw(t, { archipelagoId: ARCHIPELAGO })
  const connection = await stranger.connect(at)
  let opened = 0
  while (opened < 500 && (await exchange(connection, JOIN, new Uint8Array())).end !== 'refused') opened += 1
  assert.ok(opened >= 20 && opened <= 70, `${opened} streams`)
  await closed(connection)
})

test('endless negotiation and endless lengths cost a stranger its stream, and nobody else their time', async (t) => {
  const { at } = await island(t, new Set())
  const stranger = await raw(t, { archipelagoId: ARCHIPELAGO })
  const connection = await stranger.connect(at)
  const stall = stalls()
  t.cleanup(stall.stop)
  const header = framed(Buffer.from('/multistream/1.0.0\n'))
  for (const line of ['x\n', 'ls\n', '/archipel/\n']) {
    const stream = await unnegotiated(connection)
    const ended = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()))
    stream.send(Buffer.concat([header, Buffer.alloc(300_000, Buffer.from(framed(Buffer.from(line))))]))
    await ended
    assert.is(stream.status, 'reset', JSON.stringify(line))
  }
  for (const junk of [Buffer.alloc(300_000, 0x80), Buffer.alloc(300_000, 0xff), Buffer.from([0x80, 0x00])]) {
    const { bytes, end } = await exchange(connection, JOIN, junk)
    assert.is(codeOf(bytes), 'PROTOCOL')
    assert.is(end, 'closed')
  }
  const worst = stall.stop()
  assert.ok(worst < 1_000, `nothing else ran for ${Math.round(worst)} ms`)
})

async function unnegotiated(connection: Connection): Promise<Stream> {
  const { muxer } = connection as unknown as { muxer: { createStream(options: object): Promise<Stream> } }
  return await muxer.createStream({})
}

/** The longest time that the event loop did not turn. */
function stalls(): { stop(): number } {
  let worst = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    worst = Math.max(worst, now - last)
    last = now
  }, 5)
  return {
    stop() {
      clearInterval(timer)
      return worst
    },
  }
}

/** A libp2p node as islands have it, with a membership that may change. */
async function bareNode(t: Context, members: Set<string>) {
  const admission = { isMember: (id: string) => members.has(id), islandOf: () => undefined, isRevoked: () => false }
  const { seed, publicKey, ...rest } = networkInit()
  const logger = libp2pLogger(pino({ level: 'silent' })) as never
  const privateKey = Buffer.concat([seed, publicKey])
  const node: IslandNode = await createNode({ ...rest, privateKey }, admission, logger, () => true)
  t.cleanup(async () => node.stop())
  return { node, admission }
}

test('strangers that are gone are forgotten', async (t) => {
  const { node, admission } = await bareNode(t, new Set())
  const guests = visitors({ strangerMs: 30_000 }, { node, admission })
  guests.start()
  await node.start()
  const known = async () => (await node.peerStore.all()).filter((p) => !p.id.equals(node.peerId)).length
  for (let i = 0; i < 3; i++) {
    const stranger = await raw(t, { archipelagoId: ARCHIPELAGO })
    await stranger.connect(node.getMultiaddrs().map(String))
    await eventually(async () => (await known()) === 1, { signal: t.signal })
    await stranger.stop()
    await eventually(
      async () => {
        guests.sweep()
        return (await known()) === 0
      },
      { signal: t.signal },
    )
  }
})

test('the routing table of the DHT has members only, and those who were members are taken out', async (t) => {
  const key = newKeyPair()
  const members = new Set([peerIdOf(key.publicKey)])
  const { node, admission } = await bareNode(t, members)
  await node.start()
  const stranger = await raw(t, { archipelagoId: ARCHIPELAGO, services: true, listen: true })
  const member = await raw(t, { archipelagoId: ARCHIPELAGO, key, services: true, listen: true })
  for (const peer of [stranger, member]) await peer.connect(node.getMultiaddrs().map(String))
  await eventually(() => routes(node).length > 0, { signal: t.signal })
  assert.equal(routes(node).map(String), [member.peerId])
  members.clear()
  await forgetRoutes(node, admission)
  assert.equal(routes(node), [])
})

test.run()
