import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bodyProblem } from '../../src/node/catalog/kinds.ts'
import { decodeTicket, encodeTicket, type Ticket } from '../../src/protocols/join/ticket.ts'
import { ArchipelError, type ErrorCode, errorFromInfo } from '../../src/protocols/model/errors.ts'
import { decodeStrict, encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { decodeEnvelope, decodeRecord, signRecord } from '../../src/protocols/record/envelope.ts'
import { buildFirstCard, buildGenesis, decodeFirstCard, decodeGenesis } from '../../src/protocols/record/genesis.ts'
import { decodeHead, signHead } from '../../src/protocols/record/head.ts'
import { generateSeed, signerFromSeed } from '../../src/protocols/record/keys.ts'
import { gossipMessage } from '../../src/protocols/sync/messages.ts'
import { runEvent } from '../../src/protocols/task/messages.ts'
import { call, callSeries, type StreamOpener } from '../../src/protocols/wire/client.ts'
import { answerOf, checked } from '../../src/protocols/wire/frames.ts'
import { reader } from '../../src/protocols/wire/reader.ts'
import { suite } from '../kit/index.ts'
import { anything, cell, deep, frameOf, mutated, oddText, toCbor, twisted } from './arbitraries.ts'
import { ARCHIPELAGO, sample } from './pair.ts'
import { framed } from './raw-peer.ts'
import { request, SPECS } from './requests.ts'

const test = suite('nonsense, function by function')
const LONG = { timeoutMs: 60_000 }
const MAX = { maxBytes: 1 << 20 }
const signer = signerFromSeed(generateSeed())
const ISLAND = `isl${'b'.repeat(32)}`
let cases = 0

function property<T>(arbitrary: fc.Arbitrary<T>, numRuns: number, check: (value: T) => void): void {
  fc.assert(
    fc.property(arbitrary, (value) => {
      cases += 1
      check(value)
    }),
    { numRuns },
  )
}

/** What it answers, or undefined when it refuses with one of these codes; anything else fails. */
function orRefused<T>(work: () => T, ...codes: ErrorCode[]): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof ArchipelError && codes.includes(error.code)) return undefined
    throw error
  }
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

test('CBOR: bytes are refused, or are exactly what would be written for what was read', () => {
  const written = fc.oneof(
    anything.map(toCbor),
    cell.map((v) => encodeCanonical(v)),
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    deep,
    written,
    written.chain((b) => mutated(b)),
  )
  property(bytes, 4000, (input) => {
    const value = orRefused(() => decodeStrict(input, MAX), 'RECORD_INVALID')
    if (value !== undefined) assert.ok(same(encodeCanonical(value), input), Buffer.from(input).toString('hex'))
  })
})

/** What no comparison can take: zod compares whatever has a `length`. */
const LENGTH_TRAP = { length: { toString: [null], valueOf: null } }

test('a field with a length that cannot be compared is malformed, wherever it stands', () => {
  const about = {
    archipelagoId: ARCHIPELAGO,
    island: ISLAND,
    head: new Uint8Array(8),
    peerId: new Uint8Array(8),
    address: '/ip4/127.0.0.1/tcp/1',
  }
  for (const [name, spec] of Object.entries(SPECS)) {
    const valid = request(name, about) as Record<string, unknown>
    for (const field of ['', ...Object.keys(valid)]) {
      const value = field === '' ? LENGTH_TRAP : { ...valid, [field]: LENGTH_TRAP }
      assert.is(
        orRefused(() => checked(spec.request, value, name) && 'taken', 'PROTOCOL'),
        undefined,
        `${name} ${field}`,
      )
    }
  }
  for (const [kind, field] of [
    ['dataset', 'title'],
    ['dataset', 'keywords'],
    ['island', 'name'],
    ['replica', 'state'],
  ] as const) {
    assert.type(bodyProblem({ kind, body: { [field]: LENGTH_TRAP } }), 'string', `${kind} ${field}`)
    assert.type(bodyProblem({ kind, body: LENGTH_TRAP }), 'string', kind)
  }
})

test('CBOR: deep nesting and lengths that promise much are refused at once', () => {
  for (const byte of [0x81, 0xa1, 0x9f, 0xbf, 0xd8]) {
    const started = performance.now()
    assert.throws(
      () => decodeStrict(Buffer.alloc(1_000_000, byte), MAX),
      (e: ArchipelError) => e.code === 'RECORD_INVALID',
    )
    assert.ok(performance.now() - started < 200)
  }
  for (const head of [
    '9bffffffffffffffff',
    '9b0000000100000000',
    'bb00000000ffffffff',
    '5b00000000ffffffff',
    '7affffffff',
  ])
    assert.throws(
      () => decodeStrict(Buffer.from(head, 'hex'), MAX),
      (e: ArchipelError) => e.code === 'RECORD_INVALID',
    )
})

test('cells of a result come back as they were sent', () => {
  const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 4 })
  property(rows, 2000, (sent) => {
    const event = { type: 'rows' as const, rows: sent }
    const got = checked(
      runEvent,
      (decodeStrict(encodeCanonical({ item: event }), MAX) as { item: unknown }).item,
      'task-run',
    )
    // The one thing that is lost is the sign of zero, as in JSON.
    assert.equal(JSON.parse(JSON.stringify(got)), JSON.parse(JSON.stringify(event)))
  })
  for (const odd of [
    1e17,
    -1e17,
    5e-324,
    Number.MAX_VALUE,
    2 ** 53,
    -(2 ** 53),
    2 ** 64,
    0.1,
    1 / 3,
    3.4028234663852886e38,
  ]) {
    const { item } = decodeStrict(encodeCanonical({ item: odd }), MAX) as { item: number }
    assert.ok(Object.is(item, odd), String(odd))
  }
  assert.is((decodeStrict(encodeCanonical([-0]), MAX) as number[])[0], 0)
  for (const none of [Number.NaN, Number.POSITIVE_INFINITY, 2n ** 70n, undefined, () => 1])
    assert.throws(
      () => encodeCanonical([none]),
      (e: ArchipelError) => e.code === 'RECORD_INVALID',
    )
  assert.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('a byte order mark belongs to its text', () => {
  for (const text of ['\ufeff', '\ufeffx', 'x\ufeff', `\ufeff${'x'.repeat(100)}`, '\ufeff\ufeff'])
    assert.equal(decodeStrict(encodeCanonical({ [text]: [text] }), MAX), { [text]: [text] })
})

test('a key of the name of a prototype is a key, or is refused, and changes nobody’s prototype', () => {
  const bytes = Buffer.concat([
    Buffer.from([0xa1, 0x69]),
    Buffer.from('__proto__'),
    Buffer.from([0xa1, 0x61, 0x78, 0x01]),
  ])
  orRefused(() => decodeStrict(bytes, MAX), 'RECORD_INVALID')
  assert.is(({} as { x?: unknown }).x, undefined)
  assert.is(Object.getPrototypeOf({}), Object.prototype)
})

test('tickets: whatever is not the line that was given out is TICKET_INVALID', () => {
  const ticket: Ticket = {
    v: 1,
    archipelago: ARCHIPELAGO,
    name: 'of the test',
    issuer: ISLAND,
    key: signer.publicKey,
    addresses: ['/ip4/192.0.2.1/tcp/9410'],
    id: 'abcdefghijkl',
    secret: new Uint8Array(20).fill(7),
    expires: 2_000_000_000_000,
  }
  const line = encodeTicket(ticket, signer)
  assert.equal(
    decodeTicket(` "${line.slice(0, 40)}\r\n  ${line.slice(40)}"\n`),
    ticket,
    'wrapped and quoted on its way',
  )
  const text = (bytes: Uint8Array) => `archipel1.${Buffer.from(bytes).toString('base64url')}`
  const other = signerFromSeed(generateSeed())
  const altered = fc.oneof(
    oddText,
    oddText.map((t) => `archipel1.${t}`),
    mutated(Buffer.from(line)).map((b) => Buffer.from(b).toString('latin1')),
    mutated(Buffer.from(line.slice(10), 'base64url')).map(text),
    twisted(ticket).map((t) => text(encodeOr(() => encodeTicket(t as Ticket, other).slice(10)))),
    fc.uint8Array({ maxLength: 400 }).map(text),
    fc.nat({ max: line.length - 1 }).map((n) => line.slice(0, n)),
  )
  property(altered, 2000, (input) => {
    const got = orRefused(() => decodeTicket(input), 'TICKET_INVALID')
    // A change may be none: blanks and quotes do not count, and a byte may be set to what it was.
    if (got !== undefined && Buffer.compare(got.key, signer.publicKey) === 0) assert.equal(got, ticket)
  })
})

function encodeOr(work: () => string): Uint8Array {
  try {
    return Buffer.from(work(), 'base64url')
  } catch {
    return new Uint8Array([0xf6])
  }
}

test('records, heads, genesis records and cards are read or refused as RECORD_INVALID', () => {
  const context = { archipelagoId: ARCHIPELAGO, signer }
  const position = { epoch: 1, seq: 1, time: 1_700_000_000_000 }
  const fields = { kind: 'dataset', id: 'doi:10.1234/x', origin: ISLAND, ...position, body: { title: 'x' } }
  const record = signRecord(context, fields).bytes
  const head = signHead(context, { origin: ISLAND, ...position, liveCount: 1, liveHash: new Uint8Array(32) }).bytes
  const genesis = buildGenesis({ name: 'x', admins: [signer.publicKey], created: 1 })
  const card = buildFirstCard({ name: 'x', key: signer.publicKey, created: 1 })
  for (const [bytes, read] of [
    [record, decodeRecord],
    [head, decodeHead],
    [genesis, decodeGenesis],
    [card, decodeFirstCard],
    [record, (b: Uint8Array) => decodeEnvelope(b, 65_536)],
  ] as [Uint8Array, (bytes: Uint8Array) => unknown][]) {
    read(bytes)
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      mutated(bytes),
      mutated(bytes),
      anything.map(toCbor),
      deep,
    )
    property(input, 300, (b) => void orRefused(() => read(b), 'RECORD_INVALID'))
  }
})

test('requests and answers of every protocol are checked: another shape is PROTOCOL, and never shown in the message', () => {
  const secret = 'do-not-repeat-me'
  for (const [name, spec] of Object.entries(SPECS)) {
    for (const schema of [spec.request, spec.item])
      property(anything, 60, (v) => {
        try {
          checked(schema, v, name)
        } catch (error) {
          assert.is((error as ArchipelError).code, 'PROTOCOL')
        }
      })
    assert.throws(
      () => checked(spec.request, { type: secret, ids: secret, [secret]: 1 }, name),
      (e: Error) => !e.message.includes(secret),
    )
  }
  property(anything, 200, (v) => void gossipMessage.safeParse(v))
  property(anything, 300, (v) => {
    const got = orReject(() => answerOf(v))
    assert.ok(got === undefined || 'item' in got || 'end' in got)
  })
  property(anything, 200, (v) => void errorFromInfo(Object(v)).toInfo())
})

function orReject<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof ArchipelError) return undefined
    throw error
  }
}

test(
  'frames arrive as they were sent, however the line cuts them; what is none is refused',
  async () => {
    const chunked = fc.record({
      frames: fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 }),
      cuts: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
    })
    await fc.assert(
      fc.asyncProperty(chunked, async ({ frames, cuts }) => {
        cases += 1
        const [out, into] = await streamPair()
        const input = reader(into, 1000)
        const bytes = Buffer.concat(frames.map((f) => framed(f)))
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length]!
          out.send(bytes.subarray(at, at + size))
          at += size
        }
        void out.close()
        for (const frame of frames) assert.ok(same(await input.next(soon()), frame))
        assert.is(await codeOfNext(input), 'UNREACHABLE')
        out.abort(new Error('done'))
      }),
      { numRuns: 150 },
    )
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        cases += 1
        const [out, into] = await streamPair()
        const input = reader(into, 100)
        out.send(bytes)
        void out.close()
        let code: string | undefined
        for (let i = 0; i < 400 && code === undefined; i++) code = await codeOfNext(input)
        assert.ok(code === 'UNREACHABLE' || code === 'PROTOCOL', code)
        out.abort(new Error('done'))
      }),
      { numRuns: 250 },
    )
  },
  LONG,
)

const soon = () => AbortSignal.timeout(5_000)

async function codeOfNext(input: { next(signal: AbortSignal): Promise<Uint8Array> }): Promise<string | undefined> {
  return await input.next(soon()).then(
    () => undefined,
    (error) => (error as ArchipelError).code,
  )
}

test(
  'whatever the other side answers, a call ends with an item of the right shape or a coded error',
  async () => {
    const item = { i: 1, pad: new Uint8Array(20) }
    const valid = fc.constantFrom(
      { item },
      { end: true },
      { error: { code: 'TOO_MANY', message: 'no', hint: 'wait', retryable: true } },
    )
    const answer = valid.chain((v) => fc.oneof(frameOf(v), fc.constant(framed(encodeCanonical(v)))))
    const spec = sample({ maxItems: 4, maxItemBytes: 1000, timeoutMs: 3_000 })
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 6 }), fc.boolean(), async (answers, single) => {
        cases += 1
        const streams: Stream[] = []
        const net: StreamOpener = {
          archipelagoId: ARCHIPELAGO,
          async openStream() {
            const [ours, theirs] = await streamPair()
            streams.push(ours, theirs)
            theirs.addEventListener('message', () => {})
            for (const bytes of answers) if (bytes.length > 0) theirs.send(bytes)
            void theirs.close().catch(() => {})
            return ours
          },
        }
        let count = 0
        try {
          if (single) checked(spec.item, await call(net, 'peer', { ...spec, answer: 'single' }, { n: 1 }), 'x')
          else
            for await (const got of callSeries(net, 'peer', spec, { n: 1 }))
              count += typeof got.i === 'number' ? 1 : 100
        } catch (error) {
          assert.instance(error, ArchipelError)
        }
        assert.ok(count <= 4, `${count} items`)
        for (const stream of streams) stream.abort(new Error('done'))
      }),
      { numRuns: 500 },
    )
  },
  LONG,
)

test('so many cases were tried', () => {
  console.log(`${cases} cases`)
  assert.ok(cases >= 8_000, `${cases} cases`)
})

test.run()
