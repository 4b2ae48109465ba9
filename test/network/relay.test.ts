/** What a member carries between two that reach each other only through it: so much a connection, and then the next one. */
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { newKeyPair } from '../../src/node/identity/keys.ts'
import { type NetworkInit, network } from '../../src/node/network/network.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import { callSeries } from '../../src/protocols/wire/client.ts'
import { serve } from '../../src/protocols/wire/server.ts'
import { networkInit, sample } from '../hostile/pair.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'

const test = suite('network: limits of a relay')

const MiB = 1024 * 1024
const ITEM_BYTES = 128 * 1024
const AWAY: Partial<NetworkInit> = { listen: [], gossip: false, dht: false }

async function node(t: TestContext, key: ReturnType<typeof newKeyPair>, members: Set<string>, more: object) {
  const isMember = (id: string) => members.has(id)
  const admission = { isMember, islandOf: (id: string) => (isMember(id) ? id : undefined), isRevoked: () => false }
  const net = await network({ ...networkInit(key), ...more }, { admission, logger: pino({ level: 'silent' }) })
  t.cleanup(async () => net.stop())
  await net.start()
  return net
}

test('a connection is cut when it carried what it may, and the next one goes on', async (t) => {
  const keys = [newKeyPair(), newKeyPair(), newKeyPair()] as const
  const members = new Set(keys.map((k) => peerIdOf(k.publicKey)))
  const limits = { islands: 2, connectionBytes: MiB, connectionMs: 600_000 }
  const relay = await node(t, keys[0], members, {
    gossip: false,
    dht: false,
    relay: { serve: true, use: 'never', limits },
  })
  const holder = await node(t, keys[1], members, { ...AWAY, relay: { serve: false, use: 'always', limits } })
  const asker = await node(t, keys[2], members, { ...AWAY, relay: { serve: false, use: 'never', limits } })
  const at = relay.addresses().listening
  for (const each of [holder, asker]) await each.connect({ peerId: relay.peerId, addresses: at })
  const wait = { timeoutMs: 30_000, signal: t.signal }
  await eventually(() => assert.match(holder.addresses().announced.join(), /p2p-circuit/), wait)

  const spec = sample()
  const stopping = new AbortController()
  t.cleanup(() => stopping.abort())
  await serve(
    holder,
    spec,
    async function* ({ n }: { n: number }) {
      for (let i = 0; i < n; i++) yield { i, pad: new Uint8Array(ITEM_BYTES) }
    } as never,
    { stopping: stopping.signal },
  )
  const target = { peerId: holder.peerId, addresses: holder.addresses().announced }
  const read = async (n: number) => {
    let bytes = 0
    try {
      await asker.connect(target)
      for await (const { pad } of callSeries(asker, holder.peerId, spec, { n })) bytes += pad!.length
    } catch {}
    return bytes
  }
  await eventually(async () => assert.is(await read(2), 2 * ITEM_BYTES), wait)
  assert.is(asker.connections().find((c) => c.peerId === holder.peerId)?.relayed, true)
  const most = await read(16)
  assert.ok(most < MiB, `${most} bytes came over one connection`)
  // More than one carries, by parts.
  for (let part = 0; part < 4; part++) await eventually(async () => assert.is(await read(4), 4 * ITEM_BYTES), wait)
})

test.run()
