import { createHash } from 'node:crypto'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { buildManifest } from '../../src/protocols/manifest/build.ts'
import { addChange, differences, fileChange, noChanges } from '../../src/protocols/manifest/diff.ts'
import type { FileEntry, Manifest, PageRef } from '../../src/protocols/manifest/messages.ts'
import { comparePaths } from '../../src/protocols/manifest/paths.ts'
import { decodePage } from '../../src/protocols/manifest/read.ts'
import type { FileChange } from '../../src/protocols/model/versions.ts'
import { suite } from '../kit/index.ts'

const test = suite('manifest: what differs')

const entry = (path: string, content: number): FileEntry => ({
  path,
  size: content % 7,
  pieces: createHash('sha256').update(String(content)).digest(),
})

/** Files by number, so that two sets have many in common. */
const files = fc
  .uniqueArray(fc.record({ n: fc.nat(60), content: fc.nat(20) }), { selector: (f) => f.n, minLength: 1, maxLength: 50 })
  .map((all) => new Map(all.map(({ n, content }) => [`night/${n}.fits`, entry(`night/${n}.fits`, content)])))

async function compared(a: Manifest, b: Manifest) {
  const read: string[] = []
  const changes: FileChange[] = []
  const page = (ref: PageRef) => {
    read.push(ref.hash)
    return decodePage(ref, (a.blocks.get(ref.hash) ?? b.blocks.get(ref.hash))!)
  }
  for await (const each of differences(a.root, b.root, page)) changes.push(fileChange(each))
  return { changes, read }
}

const built = (all: Map<string, FileEntry>) => buildManifest(all.values())

test('the differences of two versions are those of their lists of files, in the order of paths', async () => {
  await fc.assert(
    fc.asyncProperty(files, files, async (a, b) => {
      const { changes } = await compared(built(a), built(b))
      const expected: FileChange[] = []
      for (const path of [...new Set([...a.keys(), ...b.keys()])].sort(comparePaths)) {
        const [before, after] = [a.get(path), b.get(path)]
        if (before === undefined) expected.push({ path, change: 'added', bytesAfter: after!.size })
        else if (after === undefined) expected.push({ path, change: 'removed', bytesBefore: before.size })
        else if (before.size !== after.size || Buffer.compare(before.pieces, after.pieces) !== 0)
          expected.push({ path, change: 'changed', bytesBefore: before.size, bytesAfter: after.size })
      }
      assert.equal(changes, expected)
    }),
    { numRuns: 200 },
  )
})

test('the sums add up: what was, without what was removed, with what was added, is what is', async () => {
  await fc.assert(
    fc.asyncProperty(files, files, async (a, b) => {
      const sums = noChanges()
      for (const change of (await compared(built(a), built(b))).changes) addChange(sums, change)
      assert.is(a.size - sums.removed.files + sums.added.files, b.size)
      const back = noChanges()
      for (const change of (await compared(built(b), built(a))).changes) addChange(back, change)
      assert.equal(back.added, sums.removed, 'backwards, what was removed is added')
      assert.equal(back.removed, sums.added)
      assert.is(back.changed.files, sums.changed.files)
    }),
    { numRuns: 100 },
  )
})

test('a version has no differences from itself, and none of its pages is read', async () => {
  await fc.assert(
    fc.asyncProperty(files, async (a) => {
      assert.equal(await compared(built(a), built(a)), { changes: [], read: [] })
    }),
    { numRuns: 50 },
  )
})

test('of a large dataset where one file changed, one page of each version is read', async () => {
  const all = new Map(
    Array.from({ length: 12_000 }, (_, i) => [`${i % 97}/${i}.fits`, entry(`${i % 97}/${i}.fits`, i)]),
  )
  const before = built(all)
  all.set('5/102.fits', entry('5/102.fits', 1_000_000))
  const after = built(all)
  assert.ok(before.root.pages.length > 3, `${before.root.pages.length} pages`)
  const { changes, read } = await compared(before, after)
  assert.equal(
    changes.map((c) => [c.path, c.change]),
    [['5/102.fits', 'changed']],
  )
  assert.is(read.length, 2)
})

test('a hash of the whole file, stated in one version only, makes no difference', async () => {
  const plain = entry('a.fits', 1)
  const { changes } = await compared(buildManifest([plain]), buildManifest([{ ...plain, sha256: new Uint8Array(32) }]))
  assert.equal(changes, [])
})

test.run()
