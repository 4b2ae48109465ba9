/** Replicas that follow their publisher, those that are pinned, and old versions that somebody still has. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { settled as converged, found, type Home, joined, up } from '../hostile/islands.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, finalFiles, settled, sha256, writeFiles } from '../replicas/kit.ts'

const test = suite('versions: following and pinning')

async function published(t: TestContext) {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b')
  await converged(t, [a, b])
  const content: Record<string, Buffer> = {
    'kept.bin': bytes(2_000_000),
    'x/changing.bin': bytes(2000),
    'x/going.bin': bytes(500),
  }
  const path = await writeFiles(join(await t.tmpdir(), 'data'), content)
  const first = await a.port.publish({ path, name: 'set', as: 'files' })
  await converged(t, [a, b])
  return { a, b, path, id: first.id, v1: first.body.version, content }
}

async function next(a: Home, path: string, content: Record<string, Buffer>): Promise<string> {
  content['x/changing.bin'] = bytes(2100)
  content['x/new.bin'] = bytes(300)
  delete content['x/going.bin']
  await writeFile(join(path, 'x/changing.bin'), content['x/changing.bin'])
  await writeFile(join(path, 'x/new.bin'), content['x/new.bin'])
  await rm(join(path, 'x/going.bin'), { force: true })
  return (await a.port.update('set')).version
}

/** Once it has exactly these versions, whole, and no transfer runs. */
async function has(t: TestContext, { port }: Pick<Home, 'port'>, versions: string[]) {
  return await eventually(
    async () => {
      const { items } = await port.replicas()
      assert.equal(
        items.map((r) => [r.version, r.state]).sort(),
        versions.map((v) => [v, 'available']).sort(),
        JSON.stringify((await port.transfers.list()).items.map((x) => [x.version, x.state, x.problem])),
      )
      const { items: all } = await port.transfers.list()
      assert.ok(all.every((x) => x.state === 'available'))
      return items
    },
    { timeoutMs: 30_000, intervalMs: 50, signal: t.signal },
  )
}

async function holdsJust(dataDir: string, content: Record<string, Buffer>): Promise<void> {
  const files = await finalFiles(dataDir)
  assert.equal([...files.keys()].sort(), Object.keys(content).sort())
  for (const [name, expected] of Object.entries(content)) assert.is(sha256(files.get(name)!), sha256(expected), name)
}

test('a replica that follows gets the new version, moves only what changed, and lets the old one go', async (t) => {
  const { a, b, path, id, v1, content } = await published(t)
  await settled(b.port, (await b.port.get(id, { follow: true })).id, t)
  assert.equal(
    (await b.port.replicas()).items.map((r) => [r.version, r.mode]),
    [[v1, 'follow']],
  )
  const v2 = await next(a, path, content)
  const [replica] = await has(t, b, [v2])
  assert.is(replica!.mode, 'follow', 'it goes on')
  const transfer = (await b.port.transfers.list()).items[0]!
  assert.is(transfer.version, v2)
  assert.equal(transfer.done, transfer.wanted)
  assert.is(
    transfer.sources.reduce((sum, s) => sum + s.bytes, 0),
    2400,
    'the file that stayed is not moved',
  )
  await holdsJust(b.dataDir, content)
  assert.equal((await b.port.verify(id)).bad, [], 'its bytes are those of the manifest')
  assert.is(replica!.held.bytes, 2_002_400)

  const v3 = await next(a, path, content)
  await has(t, b, [v3])
  await holdsJust(b.dataDir, content)
})

test('what was published while the island was off is fetched when it is back', async (t) => {
  const { a, b, path, id, content } = await published(t)
  await settled(b.port, (await b.port.get(id)).id, t)
  assert.is((await b.port.follow(id)).mode, 'follow')
  await b.stop()
  const v2 = await next(a, path, content)
  const again = await up(t, b.config)
  await has(t, again, [v2])
  await holdsJust(b.dataDir, content)
})

test('by default a replica stays as it is; a pinned one stays beside one that is fetched, and is found and given by its version', async (t) => {
  const { a, b, path, id, v1, content } = await published(t)
  await settled(b.port, (await b.port.get(id)).id, t)
  const old = { ...content }
  const v2 = await next(a, path, content)
  await converged(t, [a, b])
  await has(t, b, [v1])
  await rejects(b.port.get(id, { follow: true, version: v1 }), 'BAD_INPUT')

  assert.is((await b.port.pin(id)).mode, 'pin')
  const moved = await settled(b.port, (await b.port.get(id)).id, t)
  assert.is(
    moved.sources.reduce((sum, s) => sum + s.bytes, 0),
    2400,
  )
  await has(t, b, [v1, v2])
  const c = await joined(t, a, 'c')
  await converged(t, [a, b, c])
  // Its record tells of the newest; of the other it tells when it is asked, which a busy machine may not answer in time.
  await eventually(
    async () => {
      const { holders } = await c.port.resolve({ ref: id, version: v1.slice(0, 10) })
      assert.equal(
        holders.map((h) => [h.name, h.version, h.confirmed]),
        [['b', v1, true]],
      )
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
  const older = await settled(c.port, (await c.port.get(id, { version: v1.slice(0, 12) })).id, t)
  assert.is(older.state, 'available', JSON.stringify(older.problem))
  assert.equal(
    older.sources.map((s) => s.name),
    ['b'],
    'the publisher does not give what its files are no more',
  )
  await holdsJust(c.dataDir, old)
  assert.is((await b.port.pin(id, { version: v2.slice(0, 8) })).version, v2)
  await rejects(b.port.pin(id, { version: '0'.repeat(8) }), 'NOT_FOUND')

  await b.port.drop(id, { force: true })
  await c.port.drop(id, { force: true })
  await converged(t, [a, b, c])
  await rejects(c.port.get(id, { version: v1 }), 'NOT_FOUND')
})

test('a part that follows stays that part of the new version', async (t) => {
  const { a, b, path, id, content } = await published(t)
  await settled(b.port, (await b.port.get(id, { follow: true, files: ['x/**'] })).id, t)
  const v2 = await next(a, path, content)
  await eventually(
    async () => {
      const { items } = await b.port.replicas()
      assert.equal(
        items.map((r) => [r.version, r.state, r.files, r.mode]),
        [[v2, 'partial', ['x/**'], 'follow']],
      )
      assert.equal([...(await finalFiles(b.dataDir)).keys()].sort(), ['x/changing.bin', 'x/new.bin'])
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
})

test.run()
