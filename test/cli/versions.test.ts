/** Commands about versions, as processes. */
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { daemonDir } from './harness.ts'

const test = suite('cli: versions')

const NONE = { files: 0, bytes: 0 }

test('diff ends with 0 where no file differs, 1 where some do, 2 where it cannot be said', async (t) => {
  const { run, island } = await daemonDir(t)
  const same = await run(['diff', 'stars', 'abababab'])
  assert.is(same.code, 0, same.stderr)
  assert.match(same.stdout, 'no file differs')
  const { id, publisher, body } = await island.dataset('stars')
  island.script({
    diff: async () => ({
      id,
      publisher,
      from: body.version,
      to: 'cd'.repeat(32),
      same: false,
      changes: { added: { files: 1, bytes: 1500 }, changed: NONE, removed: NONE },
      items: [{ path: 'x/new.bin', change: 'added', bytesAfter: 1500 }],
    }),
  })
  const differ = await run(['diff', 'stars', 'abababab', 'cdcdcdcd'])
  assert.is(differ.code, 1, differ.stderr)
  assert.equal(differ.stdout, '+ x/new.bin  1.5 kB\nadded 1 file (1.5 kB)\n')
  const json = await run(['diff', 'stars', 'abababab', '--json'])
  assert.is(json.code, 1)
  assert.is(JSON.parse(json.stdout).changes.added.files, 1)
  island.script({
    diff: async (ref) => {
      await island.dataset(ref)
      throw new Error('not reached')
    },
  })
  for (const args of [
    ['nothing', 'abababab'],
    ['stars', 'not hex'],
  ]) {
    const failed = await run(['diff', ...args])
    assert.is(failed.code, 2, args.join(' '))
    assert.match(failed.stderr, 'error:')
  }
})

test('show --versions is a table; publish --update says what changed, or that nothing did', async (t) => {
  const { run, island } = await daemonDir(t)
  const { stdout } = await run(['show', 'stars', '--versions'])
  assert.match(stdout, /VERSION +PUBLISHED +FILES +SIZE +HELD BY/)
  assert.match(stdout, /abababababab \* +2026-01-02T03:04:05.000Z +1 +1.2 MB +garching/)
  const nothing = await run(['publish', '--update', 'stars'])
  assert.is(nothing.code, 0, nothing.stderr)
  assert.match(nothing.stdout, 'nothing changed')
  const { id, body } = await island.dataset('stars')
  island.script({
    update: async (_, { path, dryRun, keywords } = {}) => {
      assert.equal([path, dryRun, keywords], ['/data/stars', true, ['red']])
      return {
        id,
        from: body.version,
        version: 'cd'.repeat(32),
        changed: true,
        recorded: false,
        changes: { added: NONE, changed: { files: 1, bytes: 2000 }, removed: NONE },
        files: [{ path: 'a.csv', change: 'changed', bytesBefore: 1000, bytesAfter: 2000 }],
        hashed: { files: 1, bytes: 2000 },
        reused: { files: 3, bytes: 5000 },
      }
    },
  })
  const dry = await run(['publish', '--update', 'stars', '/data/stars', '--dry-run', '--keyword', 'red'])
  assert.is(dry.code, 0, dry.stderr)
  assert.match(dry.stdout, '~ a.csv  1.0 kB -> 2.0 kB')
  assert.match(dry.stdout, '2.0 kB read, 5.0 kB in 3 files known already')
  assert.match(dry.stdout, 'nothing was written')
  assert.is((await run(['publish'])).code, 2)
  assert.is((await run(['publish', 'a', '--dry-run'])).code, 2)
})

test.run()
