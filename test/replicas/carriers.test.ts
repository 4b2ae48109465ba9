/** Bytes by HTTPS and over libp2p: the same answers and refusals by both, and who is given nothing by the first. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import * as assert from 'uvu/assert'
import { transferKey } from '../../src/node/identity/transfer-key.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { signerFromSeed } from '../../src/protocols/record/keys.ts'
import {
  AUTH_SCHEME,
  type Capability,
  decodeCapability,
  encodeCapability,
  PROOF_HEADER,
  proofOf,
  RANGES_PATH,
} from '../../src/protocols/transfer/capability.ts'
import { capabilitySpec, MAX_REQUEST_BYTES } from '../../src/protocols/transfer/messages.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { byHand, DATASET, VERSION, type World, wholeOf, world } from './carriers.ts'
import { bytes } from './kit.ts'

const test = suite('replicas: carriers of bytes')
const MiB = 1024 * 1024

for (const carrier of ['https', 'libp2p'] as const) {
  const https = carrier === 'https'

  test(`${carrier}: ranges come whole and in order, and what is refused has the same code`, async (t) => {
    const files = { 'a.bin': bytes(3 * MiB + 7), 'b.bin': bytes(10), empty: bytes(0) }
    const w = await world(t, files, { https })
    const [part, nothing, all, small] = await w.read([
      ['a.bin', 5, 2 * MiB],
      ['empty', 0, 0],
      ['a.bin', 0, files['a.bin'].length],
      ['b.bin', 9, 1],
    ])
    assert.ok(part!.equals(files['a.bin'].subarray(5, 5 + 2 * MiB)))
    assert.is(nothing!.length, 0)
    assert.ok(all!.equals(files['a.bin']))
    assert.ok(small!.equals(files['b.bin'].subarray(9)))
    const pieces = await w.read([
      ['a.bin', 0, MiB],
      ['a.bin', MiB, 5],
      ['a.bin', MiB + 5, 0],
      ['a.bin', MiB + 5, 2 * MiB + 2],
    ])
    assert.equal(
      pieces.map(({ length }) => length),
      [MiB, 5, 0, 2 * MiB + 2],
    )
    assert.ok(Buffer.concat(pieces).equals(files['a.bin']), 'those that follow each other are read as one')
    assert.is(w.seen.https() > 0, https, 'by the carrier that is meant')
    assert.is(w.sources.receivedBytes() > 0, https)

    await rejects(w.read([['a.bin', 0, 1]], { dataset: 'urn:y' }), 'DATASET_NOT_FOUND')
    await rejects(w.read([['a.bin', 0, 1]], { version: 'cd'.repeat(32) }), 'DATASET_NOT_FOUND')
    const { details } = await rejects(w.read([['c.bin', 0, 1]]), 'NOT_FOUND')
    assert.equal(details, { path: 'c.bin' })
    await rejects(w.read([['a.bin', 3 * MiB, MiB]]), 'BAD_RANGE')
    await rejects(w.read([['a.bin', Number.MAX_SAFE_INTEGER, 1]]), 'BAD_RANGE')
    await rejects(
      w.read([
        ['a.bin', 0, MAX_REQUEST_BYTES],
        ['a.bin', 0, 1],
      ]),
      'TOO_LARGE',
    )

    // A file that is another one now, behind one that is not: what is right comes, then the reason.
    await writeFile(join(w.dir, 'new'), bytes(10))
    await rename(join(w.dir, 'new'), join(w.dir, 'b.bin'))
    const both = ['a.bin', 'b.bin'].map((path) => ({ path, offset: 0, length: 10 }))
    const got: number[] = []
    const stale = await rejects(async () => {
      const request = { dataset: DATASET, version: VERSION, ranges: both }
      for await (const item of w.sources.of(w.holder).ranges(request, t.signal)) got.push(item.range)
    }, 'STALE')
    assert.equal([got, stale.details], [[0], { path: 'b.bin' }])
    assert.not.match(JSON.stringify(stale.toInfo()), w.dir)

    w.policy.check = () => {
      throw new ArchipelError('FORBIDDEN', 'no files for others')
    }
    await rejects(w.read([['a.bin', 0, 1]]), 'FORBIDDEN')
  })

  test(`${carrier}: who leaves ends the reading, and is let in again`, async (t) => {
    const w = await world(t, { 'a.bin': bytes(32 * MiB) }, { https })
    const request = { dataset: DATASET, version: VERSION, ranges: [{ path: 'a.bin', offset: 0, length: 32 * MiB }] }
    // More often than requests may be under way at a time.
    for (let i = 0; i < 10; i++) {
      for await (const item of w.sources.of(w.holder).ranges(request, t.signal)) {
        assert.is(item.range, 0)
        break
      }
      if (https) await eventually(() => w.seen.ended === w.seen.begun, { signal: t.signal })
    }
    assert.is((await w.read([['a.bin', 0, 1]]))[0]!.length, 1)
    if (https) assert.ok(w.seen.items < 10 * 128, `${w.seen.items} items of ${10 * 128} were read`)
  })
}

/** Leave as the holder gives it to the asker. */
const leave = (w: World, change: Partial<Capability> = {}): Capability => ({
  v: 1,
  archipelago: w.archipelago,
  issuer: w.holder,
  holder: w.asker,
  key: w.key.publicKey,
  dataset: DATASET,
  version: VERSION,
  files: [],
  expires: Date.now() + 60_000,
  ...change,
})

const requestFor = (path = 'a.bin', length = 4) =>
  encodeCanonical({ dataset: DATASET, version: VERSION, ranges: [{ path, offset: 0, length }] })

/** As an island asks. */
function asked(w: World, raw: Uint8Array, body: Uint8Array, by = w.key, proven = body) {
  const text = (value: Uint8Array) => Buffer.from(value).toString('base64url')
  return byHand(
    w.offer!.urls[0]! + RANGES_PATH,
    {
      headers: {
        authorization: AUTH_SCHEME + text(raw),
        [PROOF_HEADER]: text(proofOf(raw, proven, signerFromSeed(by.seed))),
      },
    },
    body,
  )
}

test('HTTPS gives nothing without leave: strangers, expired, altered, foreign, for something else', async (t) => {
  const w = await world(t, { 'a.bin': Buffer.from('four'), 'b.bin': Buffer.from('more') })
  const url = w.offer!.urls[0]!
  const granted = encodeCapability(leave(w), w.signer)
  assert.equal(await asked(w, granted, requestFor()), { status: 200, text: 'four' })

  const cases: [what: string, answer: ReturnType<typeof byHand>, code: string][] = [
    ['no leave', byHand(url + RANGES_PATH, {}, requestFor()), 'CAPABILITY_INVALID'],
    [
      'a token of a browser',
      byHand(url + RANGES_PATH, { headers: { authorization: 'Bearer x' } }),
      'CAPABILITY_INVALID',
    ],
    ['another path', byHand(`${url}/`, {}), 'NOT_FOUND'],
    ['a path of the disk', byHand(`${url}/transfer/1/..%2f..%2fetc/passwd`, {}), 'NOT_FOUND'],
    ['another method', byHand(url + RANGES_PATH, { method: 'PUT' }), 'METHOD_NOT_ALLOWED'],
    [
      'expired',
      asked(w, encodeCapability(leave(w, { expires: Date.now() - 1 }), w.signer), requestFor()),
      'CAPABILITY_EXPIRED',
    ],
    ['noise', asked(w, randomBytes(100), requestFor()), 'CAPABILITY_INVALID'],
    [
      'signed by itself',
      asked(w, encodeCapability(leave(w), signerFromSeed(w.key.seed)), requestFor()),
      'CAPABILITY_INVALID',
    ],
    [
      'of another island',
      asked(w, encodeCapability(leave(w, { issuer: w.other.island }), w.signer), requestFor()),
      'CAPABILITY_INVALID',
    ],
    [
      'of another archipelago',
      asked(w, encodeCapability(leave(w, { archipelago: `arc${'b'.repeat(32)}` }), w.signer), requestFor()),
      'CAPABILITY_INVALID',
    ],
    ['stolen by a member', asked(w, granted, requestFor(), w.other.key), 'CAPABILITY_INVALID'],
    [
      'for a key that is not the member’s',
      asked(w, encodeCapability(leave(w, { key: w.other.key.publicKey }), w.signer), requestFor(), w.other.key),
      'CAPABILITY_INVALID',
    ],
    [
      'for no member',
      asked(w, encodeCapability(leave(w, { holder: `isl${'c'.repeat(32)}` }), w.signer), requestFor()),
      'NOT_A_MEMBER',
    ],
    [
      'another request than the one signed',
      asked(w, granted, requestFor('b.bin'), w.key, requestFor()),
      'CAPABILITY_INVALID',
    ],
    [
      'for another dataset',
      asked(w, encodeCapability(leave(w, { dataset: 'urn:y' }), w.signer), requestFor()),
      'CAPABILITY_INVALID',
    ],
    [
      'for another version',
      asked(w, encodeCapability(leave(w, { version: 'cd'.repeat(32) }), w.signer), requestFor()),
      'CAPABILITY_INVALID',
    ],
    [
      'for other files',
      asked(w, encodeCapability(leave(w, { files: ['b.*'] }), w.signer), requestFor()),
      'CAPABILITY_INVALID',
    ],
    ['no CBOR', asked(w, granted, Buffer.from('{}')), 'PROTOCOL'],
    ['too long a request', asked(w, granted, randomBytes(1024 * 1024)), 'TOO_LARGE'],
    ['a range beyond the file', asked(w, granted, requestFor('a.bin', 5)), 'BAD_RANGE'],
  ]
  for (const [what, answer, code] of cases) {
    const { status, error, text } = await answer
    assert.is(error, code, what)
    assert.ok(status >= 400, `${what}: ${status}`)
    assert.not.ok(text.includes(w.dir) || text.includes('four'), `${what}: no path and no byte`)
  }
  const altered = Buffer.from(granted)
  for (let i = 0; i < altered.length; i += 7) {
    altered[i]! ^= 1
    assert.is((await asked(w, altered, requestFor())).error, 'CAPABILITY_INVALID', `byte ${i} altered`)
    altered[i]! ^= 1
  }
  assert.equal(await asked(w, encodeCapability(leave(w, { files: ['b.*'] }), w.signer), requestFor('b.bin')), {
    status: 200,
    text: 'more',
  })
  w.gone.add(w.asker)
  assert.is((await asked(w, granted, requestFor())).error, 'NOT_A_MEMBER', 'a member no more')
})

test('leave that has run out is asked for anew, and who is no member any more gets none', async (t) => {
  const w = await world(t, { 'a.bin': Buffer.from('four') })
  const four = async () => assert.is(String((await w.read([['a.bin', 0, 4]]))[0]), 'four')
  await four()
  w.clock.holderMs += 3_600_000
  await four()
  w.clock.askerMs += 3_600_000
  await four()
  assert.is(w.seen.https(), 12, 'all of it by HTTPS')
  w.gone.add(w.asker)
  await rejects(w.read([['a.bin', 0, 4]]), 'NOT_A_MEMBER')
})

test('where HTTPS does not answer as the card says, bytes come over libp2p, and nothing is told to who answers', async (t) => {
  const content = bytes(300_000)
  const w = await world(t, { 'a.bin': content })
  const real = w.offer!
  const came = async () => assert.ok((await w.read([['a.bin', 0, content.length]]))[0]!.equals(content))

  // Another key.
  w.offer = { ...real, key: 'ab'.repeat(32) }
  await came()
  assert.is(w.seen.https(), 0)
  // Nobody there, or nobody that speaks TLS; the second address is right.
  const heard: Buffer[] = []
  const silent = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (data) => {
        heard.push(data)
        socket.end('HTTP/1.1 200 OK\r\n\r\n')
      })
  }).listen(0, '127.0.0.1')
  t.cleanup(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  w.offer = { ...real, urls: ['https://127.0.0.1:1', `https://127.0.0.1:${port}`, real.urls[0]!] }
  await came()
  assert.is(w.seen.https(), content.length)
  assert.not.ok(Buffer.concat(heard).includes('Archipel '), 'no leave in the clear')
  w.offer = { ...real, urls: [`https://127.0.0.1:${port}`] }
  await came()
  assert.is(w.seen.https(), content.length, 'this time over libp2p')
  // It stops: the next request goes the other way.
  w.offer = real
  await came()
  assert.is(w.seen.https(), 2 * content.length)
  await w.stopHttps()
  await came()
})

test('a connection that breaks on the way is a failure once, then bytes come over libp2p', async (t) => {
  const content = bytes(16 * MiB)
  const w = await world(t, { 'a.bin': content })
  const request = { dataset: DATASET, version: VERSION, ranges: [{ path: 'a.bin', offset: 0, length: content.length }] }
  await rejects(async () => {
    let stopped: Promise<void> | undefined
    for await (const _ of w.sources.of(w.holder).ranges(request, t.signal)) stopped ??= w.stopHttps()
    await stopped
  }, 'UNREACHABLE')
  const remote = w.sources.of(w.holder)
  const [all] = await wholeOf(remote.ranges(request, t.signal), 1)
  assert.ok(all!.equals(content))
  assert.is(remote.carrier!(), 'libp2p')
})

test('a reader that takes nothing is cut off after a while, and costs little until then', async (t) => {
  const w = await world(t, { 'a.bin': bytes(64 * MiB) }, { init: { slowMs: 300 } })
  const raw = encodeCapability(leave(w), w.signer)
  const body = requestFor('a.bin', 64 * MiB)
  const { port } = new URL(w.offer!.urls[0]!)
  const socket = connect({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false })
  const closed = once(socket, 'close')
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const text = (value: Uint8Array) => Buffer.from(value).toString('base64url')
  const head = [
    `POST ${RANGES_PATH} HTTP/1.1`,
    'host: x',
    `authorization: ${AUTH_SCHEME}${text(raw)}`,
    `${PROOF_HEADER}: ${text(proofOf(raw, body, signerFromSeed(w.key.seed)))}`,
    `content-length: ${body.length}`,
  ]
  socket.pause()
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(body)
  await eventually(() => w.seen.ended === 1, { signal: t.signal })
  assert.ok(w.seen.items < 100, `${w.seen.items} of 256 items were read`)
  socket.resume()
  await closed
})

test('so many requests of one member are under way at a time, and the next is told to come later', async (t) => {
  const w = await world(t, { 'a.bin': bytes(8 * MiB) })
  const limit = 8
  const request = { dataset: DATASET, version: VERSION, ranges: [{ path: 'a.bin', offset: 0, length: 8 * MiB }] }
  const begun = Array.from({ length: limit }, () =>
    w.sources.of(w.holder).ranges(request, t.signal)[Symbol.asyncIterator](),
  )
  for (const one of begun) await one.next()
  const granted = encodeCapability(leave(w), w.signer)
  assert.is((await asked(w, granted, requestFor())).error, 'TOO_MANY')
  for (const one of begun) await one.return?.()
  await eventually(async () => (await asked(w, granted, requestFor())).status === 200, { signal: t.signal })
})

test('leave is canonical, small enough for a header, and read only where it is signed', () => {
  const issuer = signerFromSeed(new Uint8Array(32).fill(1))
  const granted: Capability = {
    v: 1,
    archipelago: `arc${'a'.repeat(32)}`,
    issuer: `isl${'a'.repeat(32)}`,
    holder: `isl${'b'.repeat(32)}`,
    key: new Uint8Array(32).fill(2),
    dataset: 'urn:x',
    version: VERSION,
    files: ['2026/**'],
    expires: 1_800_000_000_000,
  }
  const raw = encodeCapability(granted, issuer)
  assert.equal(decodeCapability(raw, issuer.publicKey), granted)
  assert.equal(encodeCapability(decodeCapability(raw, issuer.publicKey), issuer), raw)
  const most = capabilitySpec.request.safeParse({
    dataset: 'x'.repeat(512),
    version: VERSION,
    files: Array(32).fill('é'.repeat(64)),
  })
  assert.ok(most.success)
  const largest = encodeCapability({ ...granted, ...most.data }, issuer)
  assert.ok(Buffer.from(largest).toString('base64url').length < 12_000, `${largest.length} bytes`)
  assert.equal(decodeCapability(largest, issuer.publicKey).files.length, 32)
  const wrong = capabilitySpec.request.safeParse({
    dataset: 'x',
    version: VERSION,
    files: Array(32).fill('e'.repeat(65)),
  })
  assert.not.ok(wrong.success)
})

test('the key of the server is made once, its own, and refused where others can read it', async (t) => {
  const dir = await t.tmpdir()
  const first = await transferKey(dir)
  assert.equal(await transferKey(dir).then(({ pin }) => pin), first.pin)
  const file = await open(join(dir, 'transfer.key'), 'r+')
  await file.chmod(0o644)
  await rejects(transferKey(dir), 'DATA_DIR_BROKEN')
  await file.chmod(0o600)
  await file.truncate(10)
  await file.close()
  const { hint } = await rejects(transferKey(dir), 'DATA_DIR_BROKEN')
  assert.match(hint, /Delete transfer\.key/)
})

test.run()
