import { createHash, randomBytes } from 'node:crypto'
import { encode } from 'cborg'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { buildManifest, encodePage, encodeRoot } from '../../src/protocols/manifest/build.ts'
import { blockHash, type FileEntry, MAX_PAGE_FILES, startsPage } from '../../src/protocols/manifest/messages.ts'
import { comparePaths, MAX_PATH_BYTES, pathProblem } from '../../src/protocols/manifest/paths.ts'
import {
  MAX_PIECES,
  MIN_PIECE_BYTES,
  pieceCount,
  pieceRange,
  pieceSize,
  pieceTableHash,
} from '../../src/protocols/manifest/pieces.ts'
import {
  decodePage,
  decodeRoot,
  lookup,
  pageOf,
  parsePage,
  parseRoot,
  readFiles,
} from '../../src/protocols/manifest/read.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('manifest')

function file(path: string, size = 10): FileEntry {
  return { path, size, pieces: createHash('sha256').update(path).digest() }
}

function many(n: number): FileEntry[] {
  return Array.from({ length: n }, (_, i) => file(`night/${i % 97}/image-${i}.fits`, i))
}

const name = fc.stringMatching(/^[a-zA-Z0-9 é日_.-]{1,12}$/).filter((s) => s !== '.' && s !== '..')
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/').normalize('NFC'))
const entry = fc.record(
  {
    path,
    size: fc.maxSafeNat(),
    pieces: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  },
  { requiredKeys: ['path', 'size', 'pieces'] },
)
const entries = fc.uniqueArray(
  entry.map((e) => ({ ...e, size: e.size % 2 ** 40 })),
  { selector: (e) => e.path, minLength: 1, maxLength: 40 },
)

test('a piece is a power of two of 1 MiB and more, and a file has at most 4,096', () => {
  assert.is(pieceSize(0), MIN_PIECE_BYTES)
  assert.is(pieceSize(2 ** 32), MIN_PIECE_BYTES)
  assert.is(pieceSize(2 ** 32 + 1), 2 * MIN_PIECE_BYTES)
  assert.is(pieceCount(0), 0)
  fc.assert(
    fc.property(fc.maxSafeNat(), (size) => {
      const piece = pieceSize(size)
      const count = pieceCount(size)
      if (size === 0) return count === 0
      const last = pieceRange(size, count - 1)
      return (
        Number.isInteger(Math.log2(piece)) &&
        piece >= MIN_PIECE_BYTES &&
        count <= MAX_PIECES &&
        last.offset + last.length === size &&
        last.length > 0
      )
    }),
    { numRuns: 500 },
  )
})

test('sizes, pieces and tables that cannot be are refused', async () => {
  for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) await rejects(() => pieceSize(size), 'BAD_INPUT')
  await rejects(() => pieceRange(0, 0), 'BAD_INPUT')
  await rejects(() => pieceRange(10, 1), 'BAD_INPUT')
  await rejects(() => pieceTableHash(10, new Uint8Array(64)), 'BAD_INPUT')
  assert.is(Buffer.from(pieceTableHash(0, new Uint8Array())).toString('hex'), createHash('sha256').digest('hex'))
})

test('equal files in any order give one version, and reading gives them back', () => {
  fc.assert(
    fc.property(entries, fc.infiniteStream(fc.nat()), (files, random) => {
      const built = buildManifest(files)
      const keys = new Map(files.map((f) => [f.path, random.next().value]))
      const shuffled = files.toSorted((a, b) => keys.get(a.path)! - keys.get(b.path)!)
      assert.is(buildManifest(shuffled).version, built.version)
      const read = [...readFiles(built.version, (hash) => built.blocks.get(hash))]
      assert.equal(
        read.map((f) => ({ ...f, pieces: [...f.pieces], sha256: f.sha256 && [...f.sha256] })),
        files
          .toSorted((a, b) => comparePaths(a.path, b.path))
          .map((f) => ({ ...f, pieces: [...f.pieces], sha256: f.sha256 && [...f.sha256] })),
      )
    }),
    { numRuns: 200 },
  )
})

test('a file added or changed alters at most two pages and the root', () => {
  const base = many(20_000)
  const before = buildManifest(base)
  assert.ok(before.root.pages.length > 8 && before.root.pages.length < 40, `${before.root.pages.length} pages`)
  fc.assert(
    fc.property(path, (added) => {
      const after = buildManifest([...base, file(`night/${added}`)])
      const fresh = [...after.blocks.keys()].filter((hash) => !before.blocks.has(hash))
      assert.ok(fresh.length >= 2 && fresh.length <= 3, `${fresh.length} new blocks`)
      assert.is.not(after.version, before.version)
    }),
    { numRuns: 15 },
  )
  const changed = buildManifest(base.map((f, i) => (i === 777 ? { ...f, size: f.size + 1 } : f)))
  assert.is([...changed.blocks.keys()].filter((hash) => !before.blocks.has(hash)).length, 2)
})

test('a file whose path starts a page splits one page into two', () => {
  const base = many(3000)
  const before = buildManifest(base)
  let i = 0
  while (!startsPage(`night/5/new-${i}`)) i++
  const after = buildManifest([...base, file(`night/5/new-${i}`)])
  assert.is(after.root.pages.length, before.root.pages.length + 1)
  assert.is([...after.blocks.keys()].filter((hash) => !before.blocks.has(hash)).length, 3)
})

test('a long run without a boundary is cut at the most files a page may have', () => {
  const files = many(60_000).filter((f) => !startsPage(f.path))
  const built = buildManifest(files)
  assert.ok(built.root.pages.slice(0, -1).every((page) => page.files === MAX_PAGE_FILES))
  assert.is([...readFiles(built.version, (hash) => built.blocks.get(hash))].length, files.length)
})

test('one file is found by reading one page', () => {
  const built = buildManifest(many(20_000))
  const asked: string[] = []
  const source = (hash: string) => {
    asked.push(hash)
    return built.blocks.get(hash)
  }
  assert.is(lookup(built.version, source, 'night/7/image-7.fits')?.size, 7)
  assert.is(asked.length, 2)
  assert.is(lookup(built.version, source, 'night/7/image-8.fits'), undefined)
  assert.is(pageOf(built.root, '!'), undefined)
})

test('building refuses what no reader would accept', async () => {
  await rejects(() => buildManifest([]), 'BAD_INPUT')
  await rejects(() => buildManifest([file('a'), file('a')]), 'BAD_INPUT')
  for (const bad of [
    '',
    '/a',
    'a/',
    'a//b',
    '..',
    'a/../b',
    './a',
    'a\0b',
    'a\nb',
    'a\\b',
    'e\u0301',
    '\ud800',
    'x'.repeat(MAX_PATH_BYTES + 1),
    'é'.repeat(600),
  ]) {
    assert.ok(pathProblem(bad), JSON.stringify(bad))
    await rejects(() => buildManifest([file(bad)]), 'BAD_INPUT')
  }
  for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) await rejects(() => buildManifest([file('a', size)]), 'BAD_INPUT')
  await rejects(() => buildManifest([{ ...file('a'), pieces: new Uint8Array(31) }]), 'BAD_INPUT')
  await rejects(() => buildManifest([file('a', Number.MAX_SAFE_INTEGER), file('b', 1)]), 'TOO_LARGE')
})

test('bytes that are not those asked for are PROTOCOL, missing ones NOT_FOUND', async () => {
  const built = buildManifest(many(10))
  const root = built.blocks.get(built.version)!
  const ref = built.root.pages[0]!
  const page = built.blocks.get(ref.hash)!
  await rejects(() => decodeRoot(built.version, page), 'PROTOCOL')
  await rejects(() => decodePage(ref, root), 'PROTOCOL')
  await rejects(() => [...readFiles(built.version, () => undefined)], 'NOT_FOUND')
  await rejects(() => lookup('0'.repeat(64), () => undefined, 'a'), 'NOT_FOUND')
})

test('well-hashed blocks that break a rule are RECORD_INVALID', async () => {
  const good = file('a')
  const unsorted = encodePage([file('b'), file('a')])
  const twice = encodePage([file('a'), file('a')])
  let i = 0
  while (!startsPage(`b${i}`)) i++
  const past = encodePage([file('a'), file(`b${i}`)])
  const pages = [
    unsorted,
    twice,
    past,
    encodePage([]),
    encodePage([file('../x')]),
    encodePage([{ ...good, size: -1 }]),
    encodePage([{ ...good, size: 0.5 }]),
  ]
  for (const value of [
    1,
    null,
    [],
    {},
    { v: 2, files: [] },
    { v: 1, files: 1 },
    { v: 1, files: [[1, 2, 3]] },
    { v: 1, files: [['a', 1, new Uint8Array(32)]], more: 1 },
    { v: 1, files: [['a', 1, new Uint8Array(32), 1]] },
  ]) {
    pages.push(encode(value))
  }
  const canonical = encodePage([good])
  pages.push(Buffer.concat([canonical, Buffer.of(0)]))
  for (const bytes of pages) await rejects(() => parsePage(bytes), 'RECORD_INVALID')

  const ref = { hash: '0'.repeat(64), files: 1, bytes: 60, first: 'a' }
  const roots = [
    { files: 1, size: 1, pages: [] },
    { files: 2, size: 1, pages: [ref] },
    { files: 2, size: 1, pages: [ref, ref] },
    { files: 2, size: 1, pages: [ref, { ...ref, first: 'b' }] },
    { files: 1, size: -1, pages: [ref] },
    { files: 0, size: 0, pages: [{ ...ref, files: 0 }] },
    { files: 1, size: 0, pages: [{ ...ref, bytes: 2 ** 40 }] },
    { files: 1, size: 0, pages: [{ ...ref, first: '/a' }] },
  ]
  for (const root of roots) await rejects(() => parseRoot(encodeRoot(root)), 'RECORD_INVALID')
  await rejects(() => parseRoot(new Uint8Array(20 * 1024 * 1024)), 'RECORD_INVALID')

  // A root that lies about its page or its total.
  const page = encodePage([file('a', 5)])
  const honest = { hash: blockHash(page), files: 1, bytes: page.length, first: 'a' }
  for (const lie of [
    { files: 1, size: 6, pages: [honest] },
    { files: 1, size: 5, pages: [{ ...honest, first: 'A' }] },
  ]) {
    const bytes = encodeRoot(lie)
    const blocks = new Map([
      [blockHash(bytes), bytes],
      [honest.hash, page],
    ])
    await rejects(() => [...readFiles(blockHash(bytes), (hash) => blocks.get(hash))], 'RECORD_INVALID')
  }
})

test('no bytes crash the reader', () => {
  const built = buildManifest(many(30))
  const samples = [...built.blocks.values()]
  const mutated = fc
    .tuple(fc.nat(samples.length - 1), fc.nat(), fc.nat(255), fc.nat(40))
    .map(([s, at, value, cutBytes]) => {
      const bytes = Uint8Array.from(samples[s]!)
      bytes[at % bytes.length] = value
      return bytes.subarray(0, bytes.length - (cutBytes < 20 ? 0 : cutBytes))
    })
  const parsers = [(b: Uint8Array) => parsePage(b), (b: Uint8Array) => parseRoot(b)]
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
      for (const parse of parsers) {
        try {
          parse(bytes)
        } catch (error) {
          if (!(error instanceof ArchipelError) || error.code !== 'RECORD_INVALID') throw error
        }
      }
    }),
    {
      numRuns: 5000,
      examples: [
        [new Uint8Array(100_000).fill(0x81)],
        [new Uint8Array(100_000).fill(0x9f)],
        [randomBytes(100_000)],
        [Buffer.from('9bffffffffffffffff', 'hex')],
      ],
    },
  )
})

test.run()
