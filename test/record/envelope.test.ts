import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import {
  decodeRecord,
  encodeEnvelope,
  MAX_RECORD_BYTES,
  type NewRecord,
  recordToVerify,
  signRecord,
  verifyRecord,
} from '../../src/protocols/record/envelope.ts'
import { decodeHead, headsConflict, signHead, verifyHead } from '../../src/protocols/record/head.ts'
import { generateSeed, signerFromSeed, verify, verifyMany } from '../../src/protocols/record/keys.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('record: signed records and heads')
const signer = signerFromSeed(new Uint8Array(32).fill(1))
const stranger = signerFromSeed(new Uint8Array(32).fill(2))
const archipelagoId = `arc${'a'.repeat(32)}`
const context = { archipelagoId, signer }
const checking = { archipelagoId, verify }
const fields: NewRecord = {
  kind: 'dataset',
  id: 'doi:10.1/x',
  origin: `isl${'a'.repeat(32)}`,
  epoch: 2 ** 51,
  seq: 3,
  time: 1_700_000_000_000,
  body: { title: 'Stars', unknown: [1, { deep: new Uint8Array([1]) }] },
}
const head = { origin: fields.origin, epoch: 5, seq: 9, liveCount: 2, liveHash: new Uint8Array(32).fill(7), time: 1 }

test('a record is read as it was written, and its signature holds', () => {
  const record = signRecord(context, fields)
  const read = decodeRecord(record.bytes)
  assert.equal(read.body, fields.body)
  assert.is(read.epoch, 2 ** 51)
  assert.is(read.audience, 'members')
  assert.ok(verifyRecord(checking, read, signer.publicKey))
  assert.not.ok(verifyRecord(checking, read, stranger.publicKey))
})

test('a record of one archipelago says nothing in another', () => {
  const record = signRecord(context, fields)
  assert.not.ok(verifyRecord({ archipelagoId: `arc${'b'.repeat(32)}`, verify }, record, signer.publicKey))
})

test('the bytes of a record are fixed: islands of all versions have to agree on them', () => {
  const golden = signRecord(context, {
    kind: 'note',
    id: 'n',
    origin: fields.origin,
    epoch: 1,
    seq: 1,
    time: 0,
    body: {},
  })
  const expected =
    '825868a9617601626964616e637365710164626f6479a0646b696e64646e6f74656474696d65006565706f636801666f726967696e' +
    '782369736c61616161616161616161616161616161616161616161616161616161616161616861756469656e6365676d656d62657273' +
    '5840d6b1abd6e3335c635096c2896440a6321e46ce96691f4de2e357d9ce681bd3063793a74a6edeb18c41d46eab9d827d6223979874' +
    'eaad036f1944b93e8f1d720b'
  assert.is(Buffer.from(golden.bytes).toString('hex'), expected)
})

test('the same content has one form: nobody else can make a record that differs in its bytes only', () => {
  for (const size of [0, 10, 23, 24, 100, 255, 256, 1000, 60_000]) {
    const { payload, signature, bytes } = signRecord(context, { ...fields, body: { x: 'y'.repeat(size) } })
    assert.equal(encodeEnvelope(payload, signature), bytes, `size ${size}`)
  }
  const payload = new Uint8Array(20)
  const signature = new Uint8Array(64)
  const canonical = encodeEnvelope(payload, signature)
  assert.equal(canonical, encodeCanonical([payload, signature]))
  for (const head of [
    [0x82, 0x58, 20],
    [0x82, 0x59, 0, 20],
    [0x82, 0x5a, 0, 0, 0, 20],
    [0x9f, 0x54],
    [0x98, 2, 0x54],
  ]) {
    const other = new Uint8Array([...head, ...payload, 0x58, 64, ...signature])
    try {
      decodeRecord(other)
      assert.unreachable(`read ${head}`)
    } catch (error) {
      assert.match((error as Error).message, /pair of payload and signature/)
    }
  }
})

test('a withdrawal has no body, everything else has one', async () => {
  const { body, ...rest } = fields
  const withdrawn = signRecord(context, { ...rest, withdrawn: true })
  assert.is(decodeRecord(withdrawn.bytes).withdrawn, true)
  assert.not.ok('body' in withdrawn)
  await rejects(async () => signRecord(context, { ...fields, withdrawn: true }), 'RECORD_INVALID')
  await rejects(async () => signRecord(context, rest), 'RECORD_INVALID')
})

test('fields out of their bounds are refused', async () => {
  const bad: Partial<Record<keyof NewRecord, unknown>>[] = [
    { kind: '' },
    { kind: 'Dataset' },
    { kind: 'x'.repeat(33) },
    { id: '' },
    { id: 'x'.repeat(1025) },
    { id: 5 },
    { origin: 'isl' },
    { epoch: 0 },
    { seq: 0 },
    { seq: -1 },
    { seq: 1.5 },
    { epoch: 2 ** 53 },
    { time: -1 },
    { audience: '' },
    { was: { epoch: 0, seq: 1 } },
    { withdrawn: false },
  ]
  for (const change of bad) {
    await rejects(async () => signRecord(context, { ...fields, ...change } as NewRecord), 'RECORD_INVALID')
    const payload = encodePayloadUnchecked({ v: 1, audience: 'members', ...fields, ...change })
    if (payload !== undefined)
      await rejects(async () => decodeRecord(encodeEnvelope(payload, new Uint8Array(64))), 'RECORD_INVALID')
  }
})

function encodePayloadUnchecked(value: unknown): Uint8Array | undefined {
  try {
    return encodeCanonical(value)
  } catch {
    return undefined
  }
}

test('a record may have 64 KiB and not one byte more', async () => {
  const empty = signRecord(context, { ...fields, body: { x: 'y'.repeat(1000) } }).bytes.length
  const most = MAX_RECORD_BYTES - empty + 1000
  assert.is(signRecord(context, { ...fields, body: { x: 'y'.repeat(most) } }).bytes.length, MAX_RECORD_BYTES)
  await rejects(async () => signRecord(context, { ...fields, body: { x: 'y'.repeat(most + 1) } }), 'RECORD_INVALID')
  await rejects(async () => decodeRecord(new Uint8Array(MAX_RECORD_BYTES + 1)), 'RECORD_INVALID')
})

test('what a later version adds is kept in the bytes and does not disturb', () => {
  const payload = encodeCanonical({ v: 7, audience: 'members', ...fields, colour: 'blue' })
  const bytes = encodeEnvelope(payload, new Uint8Array(64))
  const read = decodeRecord(bytes)
  assert.is(read.v, 7)
  assert.is(read.bytes, bytes)
})

test('random and altered bytes are refused with a code, or fail the signature', () => {
  const valid = [signRecord(context, fields).bytes, signHead(context, head).bytes]
  const check = (bytes: Uint8Array, original?: Uint8Array) => {
    for (const decode of [decodeRecord, decodeHead]) {
      try {
        const read = decode(bytes)
        const changed = original === undefined || Buffer.compare(bytes, original) !== 0
        const holds =
          'liveHash' in read
            ? verifyHead(checking, read, signer.publicKey)
            : verifyRecord(checking, read, signer.publicKey)
        assert.is(holds && changed, false)
      } catch (error) {
        if (!(error instanceof ArchipelError) || error.code !== 'RECORD_INVALID') throw error
      }
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => check(bytes)),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.constantFrom(...valid), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, where, mask) => {
      const copy = bytes.slice()
      copy[where % copy.length] = copy[where % copy.length]! ^ mask
      check(copy, bytes)
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.constantFrom(...valid), fc.nat(), fc.uint8Array({ maxLength: 8 }), (bytes, where, extra) => {
      const at = where % bytes.length
      check(new Uint8Array([...bytes.subarray(0, at), ...extra, ...bytes.subarray(at)]), bytes)
      check(bytes.slice(0, at), bytes)
    }),
    { numRuns: 2000 },
  )
})

test('a head is read as it was written; a record is no head and a head no record', async () => {
  const signed = signHead(context, head)
  const read = decodeHead(signed.bytes)
  assert.equal(new Uint8Array(read.liveHash), head.liveHash)
  assert.ok(verifyHead(checking, read, signer.publicKey))
  await rejects(async () => decodeRecord(signed.bytes), 'RECORD_INVALID')
  await rejects(async () => decodeHead(signRecord(context, fields).bytes), 'RECORD_INVALID')
})

test('two heads contradict each other only at one position with two sets', () => {
  assert.not.ok(headsConflict(signHead(context, head), signHead(context, { ...head, time: 99 })))
  assert.not.ok(headsConflict(signHead(context, head), signHead(context, { ...head, seq: 10, liveCount: 3 })))
  assert.ok(headsConflict(signHead(context, head), signHead(context, { ...head, liveCount: 3 })))
  assert.ok(headsConflict(signHead(context, head), signHead(context, { ...head, liveHash: new Uint8Array(32) })))
})

test('keys and signatures of wrong sizes are not errors but not valid either', async () => {
  const record = signRecord(context, fields)
  for (const key of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(32), new Uint8Array(33)]) {
    assert.not.ok(verifyRecord(checking, record, key))
  }
  assert.not.ok(verify(signer.publicKey, new Uint8Array(1), new Uint8Array(63)))
  await rejects(async () => signerFromSeed(new Uint8Array(31)), 'BAD_INPUT')
})

test('many signatures checked at once give the answers of one by one', async () => {
  const signers = [signer, stranger, signerFromSeed(generateSeed())]
  const items = Array.from({ length: 60 }, (_, i) => {
    const record = signRecord({ archipelagoId, signer: signers[i % 3]! }, { ...fields, seq: i + 1 })
    return recordToVerify(archipelagoId, record, signers[(i + (i % 5 === 0 ? 1 : 0)) % 3]!.publicKey)
  })
  items.push({ publicKey: new Uint8Array(3), bytes: new Uint8Array(1), signature: new Uint8Array(64) })
  const expected = items.map((i) => verify(i.publicKey, i.bytes, i.signature))
  assert.equal(await verifyMany(items), expected)
  assert.is(expected.filter(Boolean).length, 48)
})

test.run()
