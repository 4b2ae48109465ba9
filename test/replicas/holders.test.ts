/** Holders that lie, stall, refuse or die while a piece is asked of them: the next one is asked, or it is said why none gave it. */
import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { pieceFetcher, type Remote } from '../../src/node/replicas/read/holders.ts'
import { shared } from '../../src/node/replicas/read/shared.ts'
import type { RemoteHolder } from '../../src/node/replicas/run/port.ts'
import { pieceTableHash } from '../../src/protocols/manifest/pieces.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite } from '../kit/index.ts'
import { bytes } from './kit.ts'

const test = suite('replicas: one piece of many holders')
const MiB = 1024 * 1024
const content = bytes(2 * MiB + 5)
const hashed = (part: Buffer) => createHash('sha256').update(part).digest()
const TABLE = Buffer.concat([0, 1, 2].map((i) => hashed(content.subarray(i * MiB, (i + 1) * MiB))))
const never = new AbortController().signal

type Way = (part: Buffer, signal: AbortSignal) => Promise<Buffer>
const honest: Way = async (part) => part
const liar: Way = async (part) => {
  const wrong = Buffer.from(part)
  wrong[wrong.length - 1]! ^= 1
  return wrong
}
const dead: Way = async () => {
  throw new ArchipelError('UNREACHABLE', 'it is away')
}

function world(ways: Record<string, Way>, { tables = TABLE, later = Object.keys(ways) } = {}) {
  const asked: string[] = []
  const bad: string[] = []
  const known = new Map<string, Uint8Array>()
  const remote = (island: string): RemoteHolder => ({
    have: async () => ({ files: 1 }),
    async *tables() {
      yield { path: 0, table: tables }
    },
    async *ranges({ ranges }, signal) {
      asked.push(island)
      const { offset, length } = ranges[0]!
      yield { range: 0, bytes: await ways[island]!(content.subarray(offset, offset + length), signal) }
    },
  })
  const fetch = pieceFetcher({
    remote,
    limits: () => [],
    nameOf: (island) => island,
    table: async (hash) => known.get(hash),
    keepTable: async (hash, table) => void known.set(hash, table),
    onBytes: () => {},
    onBad: (island) => bad.push(island),
  })
  const file: Remote = {
    dataset: 'urn:x',
    version: 'ab'.repeat(32),
    entry: { path: 'f.bin', size: content.length, pieces: pieceTableHash(content.length, TABLE) },
    holders: () => Object.keys(ways),
    again: async () => later,
  }
  return { asked, bad, piece: (index: number, signal = never) => fetch(file, index, signal) }
}

test('who lies is not asked for that file again, who is away is passed over', async () => {
  const { piece, asked, bad } = world({ liar, dead, honest })
  assert.ok((await piece(2)).equals(content.subarray(2 * MiB)))
  assert.ok((await piece(0)).equals(content.subarray(0, MiB)))
  assert.equal(asked, ['liar', 'dead', 'honest', 'dead', 'honest'])
  assert.equal(bad, ['liar'])
})

test('a table of pieces that is not that of the file is found out before a byte is asked for', async () => {
  const { piece, asked, bad } = world({ one: honest }, { tables: Buffer.alloc(TABLE.length) })
  await rejects(piece(0), 'BAD_DATA')
  assert.equal(asked, [])
  assert.equal(bad, ['one'])
})

test('when none gives it, the answer names each with its reason; when all lie, it says so', async () => {
  const { details } = await rejects(world({ dead, liar }).piece(1), 'NO_HOLDER')
  assert.equal(
    (details as { islands: { name: string }[] }).islands.map(({ name }) => name),
    ['dead', 'liar'],
  )
  await rejects(world({ liar, other: liar }).piece(1), 'BAD_DATA')
  await rejects(world({}).piece(1), 'NO_HOLDER')
})

test('holders are looked for anew once, and one that says "later" is waited for', async () => {
  let busy = 3
  const soon: Way = async (part) => {
    if (busy-- > 0) throw new ArchipelError('TOO_MANY', 'it is busy', { details: { afterMs: 1 } })
    return part
  }
  const { piece, asked } = world({ dead, soon }, { later: ['soon'] })
  assert.ok((await piece(0)).equals(content.subarray(0, MiB)))
  assert.equal(asked, ['dead', 'soon', 'soon', 'soon', 'soon'])
})

test('who waits for the same piece shares the work; it ends when the last has left, and not before', async () => {
  const flights = shared<number>()
  const begun: AbortSignal[] = []
  const result = Promise.withResolvers<number>()
  const take = () =>
    flights.take('piece', async (signal) => {
      begun.push(signal)
      return { value: await result.promise, settled: Promise.resolve() }
    })
  const [one, two] = [take(), take()]
  one.leave()
  one.leave()
  assert.is(begun.length, 1)
  assert.not.ok(begun[0]!.aborted, 'the other one waits still')
  two.leave()
  assert.ok(begun[0]!.aborted)
  const three = take()
  assert.is(begun.length, 2, 'who comes after begins anew')
  result.resolve(7)
  assert.is(await three.result, 7)
  three.leave()
  assert.not.ok(begun[1]!.aborted)
})

test.run()
