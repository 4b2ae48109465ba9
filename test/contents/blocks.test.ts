/** Manifests of others: what is not the block that was asked for is nobody's. */
import * as assert from 'uvu/assert'
import { blocks, type OwnBlock, serveBlocks } from '../../src/node/contents/blocks.ts'
import { listFiles } from '../../src/node/contents/files.ts'
import { mediaTypeOf } from '../../src/node/contents/media-type.ts'
import { buildManifest } from '../../src/protocols/manifest/build.ts'
import { writeCursor } from '../../src/protocols/model/paging.ts'
import { pair } from '../hostile/pair.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('contents of datasets')
const stopping = new AbortController().signal

const FILES = 10_000
const { version, blocks: parts } = buildManifest(
  [...Array(FILES).keys()].map((i) => ({
    path: `survey/${String(i).padStart(6, '0')}.fits`,
    size: i,
    pieces: new Uint8Array(32).fill(i % 256),
  })),
)

/** One island asks another, which answers as `own` says. */
async function two(t: TestContext, own: OwnBlock) {
  const { asker, answerer } = await pair(t)
  let asked = 0
  await serveBlocks(
    answerer.net,
    (request) => {
      asked++
      return own(request)
    },
    { stopping },
  )
  const blocksOf = blocks({
    self: 'isl-asker',
    network: asker.net,
    own: async () => undefined,
    connect: async () => answerer.net.peerId,
    nameOf: (island) => island,
  })
  const block = blocksOf('urn:survey', version, ['isl-asker', 'isl-answerer'], t.signal)
  return { block, asked: () => asked }
}

test('ten thousand files of another island are listed in pages, and no block is fetched twice', async (t) => {
  const { block, asked } = await two(t, async ({ block: hash }) => parts.get(hash))
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await listFiles(version, block, { limit: 1000, cursor })
    assert.is(page.total, FILES)
    seen.push(...page.items.map((file) => file.path))
    cursor = page.next
  } while (cursor !== undefined)
  assert.is(seen.length, FILES)
  assert.is(new Set(seen).size, FILES)
  assert.is(asked(), parts.size)
  const middle = writeCursor(['survey/005000.fits'])
  const { items } = await listFiles(version, block, { limit: 1, cursor: middle })
  assert.is(items[0]?.path, 'survey/005001.fits')
})

test('an island that lies, says nothing, or has it no more is no holder, and is named with the reason', async (t) => {
  const other = buildManifest([{ path: 'a', size: 1, pieces: new Uint8Array(32) }])
  const liars: [string, OwnBlock, RegExp][] = [
    ['other bytes', async () => other.blocks.get(other.version), /other bytes/],
    ['nothing', async () => new Uint8Array(), /other bytes/],
    ['a byte more', async ({ block }) => Buffer.concat([parts.get(block)!, Buffer.from([0])]), /other bytes/],
    ['gone', async () => undefined, /does not hold/],
    ['too much', async () => new Uint8Array(40 * 1024 * 1024), /./],
  ]
  for (const [what, own, reason] of liars) {
    const { block } = await two(t, own)
    const error = await rejects(listFiles(version, block, {}), 'NO_HOLDER')
    const [told] = (error.details?.islands ?? []) as { island: string; reason: string }[]
    assert.is(told?.island, 'isl-answerer', what)
    assert.match(told?.reason ?? '', reason, what)
  }
})

test('types are guessed from names', () => {
  assert.is(mediaTypeOf('a/b.FITS'), 'application/fits')
  assert.is(mediaTypeOf('a.csv.gz'), 'application/gzip')
  assert.is(mediaTypeOf('a'), 'application/octet-stream')
  assert.is(mediaTypeOf('constructor.constructor'), 'application/octet-stream')
})

test.run()
