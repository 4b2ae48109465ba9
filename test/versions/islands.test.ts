/** Versions between islands: who holds which, and what differs. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { settled as converged, found, joined } from '../hostile/islands.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, settled, writeFiles } from '../replicas/kit.ts'

const test = suite('versions: between islands')

async function two(t: TestContext) {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b')
  await converged(t, [a, b])
  const path = await writeFiles(join(await t.tmpdir(), 'data'), {
    'kept.bin': bytes(100_000),
    'x/changing.bin': bytes(2000),
    'x/going.bin': bytes(500),
  })
  const first = await a.port.publish({ path, name: 'set', as: 'files' })
  await converged(t, [a, b])
  return { a, b, path, id: first.id, v1: first.body.version }
}

async function change(path: string): Promise<void> {
  await writeFile(join(path, 'x/changing.bin'), bytes(2100))
  await writeFile(join(path, 'x/new.bin'), bytes(300))
  await rm(join(path, 'x/going.bin'))
}

test('each version is listed with who holds it, and any island tells what differs between two', async (t) => {
  const { a, b, path, id, v1 } = await two(t)
  await settled(b.port, (await b.port.get(id)).id, t)
  await change(path)
  const v2 = (await a.port.update(id)).version
  await converged(t, [a, b])

  for (const { port } of [a, b]) {
    const { items } = await port.versions('set')
    assert.equal(
      items.map((v) => [v.version, v.current, v.files, v.holders.map((h) => h.name)]),
      [
        [v2, true, 3, ['a']],
        [v1, false, 3, ['b']],
      ],
    )
  }
  for (const { port } of [a, b]) {
    const diff = await port.diff(id, { from: v1.slice(0, 12) })
    assert.equal([diff.from, diff.to, diff.same], [v1, v2, false])
    assert.equal(diff.items, [
      { path: 'x/changing.bin', change: 'changed', bytesBefore: 2000, bytesAfter: 2100 },
      { path: 'x/going.bin', change: 'removed', bytesBefore: 500 },
      { path: 'x/new.bin', change: 'added', bytesAfter: 300 },
    ])
    assert.equal(diff.changes.added, { files: 1, bytes: 300 })
    assert.ok((await port.diff(id, { from: v2, to: v2 })).same)
    assert.equal((await port.diff(id, { from: v2, to: v1 })).changes.removed, { files: 1, bytes: 300 })
  }
  const pages: string[] = []
  for (let cursor: string | undefined, more = true; more; ) {
    const page = await b.port.diff(id, { from: v1, limit: 1, ...(cursor !== undefined && { cursor }) })
    assert.is(page.changes.changed.files, 1, 'the sums are over all pages')
    pages.push(...page.items.map((f) => f.path))
    cursor = page.next
    more = cursor !== undefined
  }
  assert.equal(pages, ['x/changing.bin', 'x/going.bin', 'x/new.bin'])
  await rejects(b.port.diff(id, { from: '0'.repeat(64) }), 'NOT_FOUND')
})

test.run()
