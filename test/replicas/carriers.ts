/** A provider of files on the disk and who asks it, over real libp2p and, where it is offered, HTTPS. */
import { createHash } from 'node:crypto'
import { stat, writeFile } from 'node:fs/promises'
import { type RequestOptions, request as rawRequest } from 'node:https'
import { join } from 'node:path'
import { pino } from 'pino'
import { type KeyPair, newKeyPair } from '../../src/node/identity/keys.ts'
import { type TransferKey, transferKey } from '../../src/node/identity/transfer-key.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { SourceFile } from '../../src/node/publish/port.ts'
import { identityOf } from '../../src/node/replicas/identity.ts'
import { remotes } from '../../src/node/replicas/run/remotes.ts'
import { type HttpsInit, httpsCarrier } from '../../src/node/replicas/serve/https.ts'
import { type Provider, provider } from '../../src/node/replicas/serve/provider.ts'
import type { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { Card } from '../../src/protocols/model/island.ts'
import { decodeStrict } from '../../src/protocols/record/cbor.ts'
import { type Signer, signerFromSeed } from '../../src/protocols/record/keys.ts'
import type { RangeItem } from '../../src/protocols/transfer/messages.ts'
import { pair } from '../hostile/pair.ts'
import type { TestContext } from '../kit/index.ts'

export const DATASET = 'urn:x'
export const VERSION = 'ab'.repeat(32)
const LOGGER = pino({ level: 'silent' })

/** The id by which an island of these tests goes. */
export const islandOf = (peerId: string) =>
  `isl${createHash('sha256')
    .update(peerId)
    .digest('hex')
    .replace(/[^a-f2-7]/g, 'a')
    .slice(0, 32)}`

export interface World {
  archipelago: string
  holder: string
  /** Of the holder. */
  signer: Signer
  asker: string
  /** Of the asker. */
  key: KeyPair
  /** A third member. */
  other: { key: KeyPair; island: string }
  dir: string
  /** What the card of the holder says; tests change it. */
  offer: Card['https']
  /** How far the clocks of the two were turned. */
  clock: { holderMs: number; askerMs: number }
  /** Islands that are members no more. */
  gone: Set<string>
  policy: { check(): void }
  /** Times that the provider was asked for ranges, and how often it had ended. */
  seen: { begun: number; ended: number; items: number; https: () => number }
  sources: ReturnType<typeof remotes>
  stopHttps(): Promise<void>
  /** The bytes of the ranges, each whole. */
  read(
    ranges: [path: string, offset: number, length: number][],
    pinned?: Partial<{ dataset: string; version: string }>,
  ): Promise<Buffer[]>
}

/** @param files by path */
export async function world(
  t: TestContext,
  files: Record<string, Buffer>,
  options: { https?: boolean; init?: Partial<HttpsInit> } = {},
): Promise<World> {
  const dir = await t.tmpdir()
  const key = newKeyPair()
  const { asker, answerer } = await pair(t, key)
  const held = new Map<string, SourceFile>()
  for (const [path, content] of Object.entries(files)) {
    const local = join(dir, path)
    await writeFile(local, content)
    held.set(path, { path, local, ...identityOf(await stat(local, { bigint: true })) })
  }
  const named: typeof answerer.net = {
    ...answerer.net,
    handleStream: (protocol, handler, rules) =>
      answerer.net.handleStream(
        protocol,
        (stream, remote) => handler(stream, { ...remote, island: islandOf(remote.peerId) }),
        rules,
      ),
  }
  const stop = new AbortController()
  t.cleanup(() => stop.abort())
  const giving = provider(
    { upBytesPerSecond: 0, upBytesPerSecondPerIsland: 0 },
    {
      network: named,
      held: {
        open: async ({ dataset, version }) =>
          dataset === DATASET && version === VERSION ? { files: held.size, file: (path) => held.get(path) } : undefined,
        file: async (_, path) => held.get(path),
        look: async () => {},
        forget: () => {},
        table: async () => new Uint8Array(),
      },
      policy: { check: () => w.policy.check() },
      logger: LOGGER,
    },
  )
  await giving.start({ stopping: stop.signal })
  const keys = new Map([asker.key, key].map((k) => [islandOf(peerIdOf(k.publicKey)), k.publicKey]))
  const tls: TransferKey = await transferKey(dir)
  const holder = islandOf(answerer.net.peerId)
  const counted: Pick<Provider, 'check' | 'ranges'> = {
    check: giving.check,
    async *ranges(request, who) {
      w.seen.begun++
      try {
        for await (const item of giving.ranges(request, who)) {
          w.seen.items++
          yield item
        }
      } finally {
        w.seen.ended++
      }
    },
  }
  const carrier = httpsCarrier(
    {
      self: holder,
      archipelagoId: named.archipelagoId,
      host: '127.0.0.1',
      port: 0,
      key: tls.key,
      cert: tls.cert,
      ...options.init,
    },
    {
      network: named,
      provider: counted,
      signer: signerFromSeed(answerer.key.seed),
      keyOf: (island) => (w.gone.has(island) ? undefined : keys.get(island)),
      now: () => Date.now() + w.clock.holderMs,
      logger: LOGGER,
    },
  )
  t.cleanup(async () => carrier.stop())
  await carrier.start({ stopping: stop.signal })
  const sources = remotes({
    network: asker.net,
    connect: async () => answerer.net.peerId,
    offerOf: () => w.offer,
    signer: signerFromSeed(asker.key.seed),
    now: () => performance.now() + w.clock.askerMs,
    logger: LOGGER,
  })
  t.cleanup(async () => sources.stop())
  const w: World = {
    archipelago: named.archipelagoId,
    holder,
    signer: signerFromSeed(answerer.key.seed),
    asker: islandOf(asker.net.peerId),
    key: asker.key,
    other: { key, island: islandOf(peerIdOf(key.publicKey)) },
    dir,
    offer: options.https === false ? undefined : { urls: [`https://127.0.0.1:${carrier.port()}`], key: tls.pin },
    clock: { holderMs: 0, askerMs: 0 },
    gone: new Set(),
    policy: { check() {} },
    seen: { begun: 0, ended: 0, items: 0, https: () => carrier.sentBytes() },
    sources,
    stopHttps: () => carrier.stop(),
    async read(ranges, pinned = {}) {
      const asked = ranges.map(([path, offset, length]) => ({ path, offset, length }))
      const request = { dataset: DATASET, version: VERSION, ...pinned, ranges: asked }
      return await wholeOf(sources.of(holder).ranges(request, t.signal), ranges.length)
    },
  }
  return w
}

export async function wholeOf(items: AsyncIterable<RangeItem>, ranges: number): Promise<Buffer[]> {
  const parts: Buffer[][] = Array.from({ length: ranges }, () => [])
  let last = 0
  for await (const { range, bytes } of items) {
    if (range < last) throw new Error('ranges out of order')
    last = range
    parts[range]!.push(Buffer.from(bytes))
  }
  return parts.map((all) => Buffer.concat(all))
}

/** What an HTTPS request by hand is answered with: the error, or the bytes. */
export async function byHand(
  url: string,
  options: RequestOptions,
  body: Uint8Array = new Uint8Array(),
): Promise<{ status: number; error?: ArchipelError['code']; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; bytes: Buffer }>()
  const asked = rawRequest(url, { method: 'POST', rejectUnauthorized: false, agent: false, ...options }, (answer) => {
    const parts: Buffer[] = []
    answer.on('data', (part) => parts.push(part))
    answer.on('end', () => resolve({ status: answer.statusCode!, bytes: Buffer.concat(parts) }))
    answer.on('error', reject)
  })
  asked.on('error', reject)
  asked.end(body)
  const { status, bytes } = await promise
  if (status === 200) return { status, text: bytes.toString('latin1') }
  const { error } = decodeStrict(bytes, { maxBytes: 65_536 }) as { error: { code: ArchipelError['code'] } }
  return { status, error: error.code, text: bytes.toString('latin1') }
}
