/** Two catalogs joined by real libp2p connections through a proxy that counts every byte, handshakes and headers too. */
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import type { SyncRemote } from '../../src/node/catalog/port.ts'
import { network } from '../../src/node/network/network.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { NetworkPort } from '../../src/node/network/port.ts'
import { serveCatalog, syncRemote } from '../../src/node/spread/catalog-protocol.ts'
import type { Archipelago, OpenCatalog } from './archipelago.ts'
import type { BenchContext } from './bench.ts'
import { until } from './daemon.ts'

export interface Link {
  /** The other, as the asker talks to it. */
  remote: SyncRemote
  /** Bytes on the wire in both directions while the work runs and until the line is quiet again. */
  bytesOf(work: () => Promise<unknown>): Promise<number>
}

/** A line is quiet when nothing passed for so long. Neither gossip nor heartbeats nor DHT run here. */
const QUIET_MS = 150

/** The asker dials the other. Both are stopped at the end of the benchmark, before their catalogs close. */
export async function link(
  context: BenchContext,
  archipelago: Archipelago,
  asker: OpenCatalog,
  other: OpenCatalog,
): Promise<Link> {
  const a = await start(context, archipelago, asker)
  const b = await start(context, archipelago, other)
  const port = Number(/\/tcp\/(\d+)/.exec(b.addresses().listening[0]!)![1])
  const proxy = await countingProxy(context, port)
  await a.connect({ peerId: b.peerId, addresses: [`/ip4/127.0.0.1/tcp/${proxy.port}`] })
  await until('both ready', context, () => a.connections().length === 1 && b.connections().length === 1)
  await delay(QUIET_MS)
  return {
    remote: syncRemote(a, b.peerId, other.member.id),
    async bytesOf(work) {
      await proxy.quiet()
      const before = proxy.bytes()
      await work()
      await proxy.quiet()
      return proxy.bytes() - before
    },
  }
}

async function start(context: BenchContext, archipelago: Archipelago, open: OpenCatalog): Promise<NetworkPort> {
  const byPeer = new Map(archipelago.members.map((m) => [peerIdOf(m.publicKey), m.id]))
  const { seed, publicKey } = open.member
  const net = await network(
    {
      archipelagoId: archipelago.id,
      seed,
      publicKey,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      bootstrap: [],
      mdns: false,
      dht: false,
      gossip: false,
      relay: { serve: false, use: 'never', limits: { islands: 0, connectionBytes: 2 ** 30, connectionMs: 3_600_000 } },
      maxConnections: 10,
      wantedPeers: 0,
    },
    {
      admission: {
        isMember: (peerId) => byPeer.has(peerId),
        islandOf: (peerId) => byPeer.get(peerId),
        isRevoked: () => false,
      },
      logger: pino({ level: 'silent' }),
    },
  )
  const stopping = new AbortController()
  await serveCatalog(net, open.catalog, { stopping: stopping.signal })
  await net.start()
  context.cleanup(async () => {
    stopping.abort()
    await net.stop()
  })
  return net
}

async function countingProxy(context: BenchContext, target: number) {
  let count = 0
  let last = performance.now()
  const sockets = new Set<Socket>()
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (chunk) => {
      count += chunk.length
      last = performance.now()
      to.write(chunk)
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => sockets.delete(from))
  }
  const server = createServer((socket) => {
    const onward = connect(target, '127.0.0.1')
    pass(socket, onward)
    pass(onward, socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.cleanup(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    bytes: () => count,
    quiet: () => until('a quiet line', context, () => performance.now() - last > QUIET_MS, { pollMs: 20 }),
  }
}
