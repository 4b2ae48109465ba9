import { createHash, randomBytes } from 'node:crypto'
import { appendFile, open, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import * as assert from 'uvu/assert'
import { hashFile } from '../../src/node/publish/files/hash.ts'
import { resumeState } from '../../src/node/publish/files/resume.ts'
import { scan, sourceFile } from '../../src/node/publish/files/scan.ts'
import { hashAll } from '../../src/node/publish/files/table.ts'
import { pieceTableHash } from '../../src/protocols/manifest/pieces.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('publish: hash')
const MIB = 1024 * 1024
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const OPTIONS = { fileConcurrency: 3, pieceConcurrency: 2, checkpointBytes: MIB }

/** By the definition, in the plainest way. */
function expected(bytes: Buffer): string {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += MIB) pieces.push(sha(bytes.subarray(at, at + MIB)))
  return sha(Buffer.concat(pieces)).toString('hex')
}

test('the hash is the one defined, for every size around a piece', async (t) => {
  const dir = await t.tmpdir()
  for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 17]) {
    const bytes = randomBytes(size)
    await writeFile(join(dir, 'f'), bytes)
    const [file] = await scan(join(dir, 'f'))
    for (const concurrency of [1, 4]) {
      const table = await hashFile(file!, { concurrency })
      assert.is(Buffer.from(pieceTableHash(size, table)).toString('hex'), expected(bytes), `${size} bytes`)
    }
  }
})

test('a file that the system does not let be read, or whose size is not true, is UNREADABLE', async (t) => {
  for (const [path, words] of [
    // Of size 0 by `stat`: reading the first is refused, the second one goes on.
    ['/proc/self/mem', /cannot be read: .*\(EIO\)/],
    ['/proc/version', /do not end where its size of 0 says/],
    // Of a page by `stat`, and shorter.
    ['/sys/kernel/uevent_seqnum', /do not end where its size of 4096 says/],
  ] as const) {
    const held = await open(path)
    t.cleanup(() => held.close())
    const file = sourceFile('f', path, await held.stat({ bigint: true }))
    const error = await rejects(hashFile(file, { concurrency: 2 }), 'UNREADABLE')
    assert.match(error.message, words, path)
  }
})

test('a sparse file of 20 GiB is hashed from its saved pieces in larger pieces, and the loop stays free', async (t) => {
  const dir = await t.tmpdir()
  const path = join(dir, 'sparse')
  await writeFile(path, '')
  await truncate(path, 20 * 1024 * MIB)
  const [file] = await scan(path)
  // 20 GiB have pieces of 8 MiB; all but the last 30 are known.
  const known = Buffer.concat(Array<Buffer>(2530).fill(sha(Buffer.alloc(8 * MIB))))
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()
  let read = 0
  const table = await hashFile(file!, {
    concurrency: 2,
    known,
    onBytes: (n) => {
      read += n
    },
  })
  loop.disable()
  assert.is(read, 30 * 8 * MIB)
  assert.ok(table.subarray(-32).equals(sha(Buffer.alloc(8 * MIB))))
  assert.ok(loop.count > 5, `${loop.count} turns of the loop meanwhile`)
})

test('a file that changes while it is hashed is STALE, however it changes', async (t) => {
  const changes: [string, (path: string) => Promise<unknown>][] = [
    ['grows', (path) => appendFile(path, 'x')],
    ['shrinks', (path) => truncate(path, 5 * MIB)],
    ['is written over', (path) => writeFile(path, Buffer.alloc(8 * MIB, 2))],
    [
      'is replaced',
      async (path) => {
        await writeFile(`${path}.new`, Buffer.alloc(8 * MIB, 3))
        await rename(`${path}.new`, path)
        // The descriptor still shows the old file: publishing looks at the path once more.
        await appendFile(path, '')
      },
    ],
  ]
  for (const [how, change] of changes) {
    const dir = await t.tmpdir()
    const path = join(dir, 'f')
    await writeFile(path, Buffer.alloc(96 * MIB, 1))
    const [file] = await scan(path)
    let changed: Promise<unknown> | undefined
    const hashing = hashFile(file!, {
      concurrency: 1,
      onBytes: () => {
        changed ??= change(path)
      },
    })
    // A rename leaves the bytes of the open file alone, but changes its status (ctime, links).
    await rejects(hashing, 'STALE')
    await changed
    assert.ok(changed !== undefined, how)
  }
})

test('a file that changed, went away or became a symlink after the scan is STALE', async (t) => {
  const dir = await t.tmpdir()
  const path = join(dir, 'f')
  const make = async () => {
    await rm(path, { force: true, recursive: true })
    await writeFile(path, 'one')
    return (await scan(path))[0]!
  }
  const first = await make()
  await writeFile(path, 'two')
  await rejects(hashFile(first, { concurrency: 1 }), 'STALE')
  const second = await make()
  await rm(path)
  await rejects(hashFile(second, { concurrency: 1 }), 'STALE')
  await symlink('/etc/hostname', path)
  await rejects(hashFile(second, { concurrency: 1 }), 'STALE')
  const third = await make()
  await utimes(path, 1, 1)
  await rejects(hashFile(third, { concurrency: 1 }), 'STALE')
})

test('what was hashed is not read again, until the file changes', async (t) => {
  const dir = await t.tmpdir()
  for (let i = 0; i < 30; i++) await writeFile(join(dir, `f${i}`), randomBytes(1000 * i))
  const stateDir = await t.tmpdir()
  const files = await scan(dir)
  const state = resumeState({ dir: stateDir })
  const hashes = async (of: typeof files, from: typeof state) =>
    (await hashAll(of, from, OPTIONS)).map((entry) => Buffer.from(entry.pieces).toString('hex'))
  const first = await hashes(files, state)
  state.close()
  const again = resumeState({ dir: stateDir })
  t.cleanup(() => again.close())
  // Files that cannot be read any more show that nobody tries.
  const gone = files.map((file) => ({ ...file }))
  await rm(dir, { recursive: true })
  assert.equal(await hashes(gone, again), first)
  gone[3] = { ...gone[3]!, mtimeNs: '1' }
  await rejects(hashAll(gone, again, OPTIONS), 'STALE')
})

test('cancelling keeps the pieces done, and hashing goes on after them', async (t) => {
  const dir = await t.tmpdir()
  const bytes = randomBytes(20 * MIB + 5)
  await writeFile(join(dir, 'f'), bytes)
  const files = await scan(join(dir, 'f'))
  const state = resumeState({ dir: await t.tmpdir() })
  t.cleanup(() => state.close())
  const controller = new AbortController()
  let read = 0
  await hashAll(files, state, {
    ...OPTIONS,
    signal: controller.signal,
    onProgress: ({ bytes: done }) => {
      read = done
      if (done >= 10 * MIB) controller.abort()
    },
  }).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.name, 'AbortError'),
  )
  assert.ok(read < 16 * MIB)
  const starts: number[] = []
  const [entry] = await hashAll(files, state, { ...OPTIONS, onProgress: ({ bytes: done }) => starts.push(done) })
  assert.ok(starts[0]! >= 9 * MIB, `went on after ${starts[0]} bytes`)
  assert.is(Buffer.from(entry!.pieces).toString('hex'), expected(bytes))
})

test('the state file is private, bounded, and replaced when it is broken', async (t) => {
  const dir = await t.tmpdir()
  let now = 1_000_000
  const state = resumeState({ dir, maxFiles: 10, maxAgeMs: 5000 }, () => now)
  const file = (i: number) => ({ path: `f${i}`, local: `/data/f${i}`, size: 1, mtimeNs: '1', ctimeNs: '1', ino: '1' })
  for (let i = 0; i < 40; i++) {
    now++
    state.put(file(i), { done: new Uint8Array(32) })
  }
  state.clean()
  assert.is(state.get(file(29)), undefined)
  assert.ok(state.get(file(30)) && state.get(file(39)))
  now += 10_000
  state.clean()
  assert.is(state.get(file(39)), undefined)
  state.put(file(1), { partial: new Uint8Array(64) })
  state.close()
  assert.is((await stat(join(dir, 'hashes.sqlite'))).mode & 0o777, 0o600)

  await writeFile(join(dir, 'hashes.sqlite'), randomBytes(20_000))
  const broken = resumeState({ dir })
  assert.is(broken.get(file(1)), undefined)
  broken.put(file(1), { done: new Uint8Array(32) })
  broken.close()

  const other = new DatabaseSync(join(dir, 'hashes.sqlite'))
  other.exec('PRAGMA user_version = 99')
  other.close()
  const newer = resumeState({ dir })
  t.cleanup(() => newer.close())
  assert.is(newer.get(file(1)), undefined)
})

test.run()
