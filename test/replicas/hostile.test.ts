/** Sources that lie, err or die: what gets a final name is right, or nothing does. */

import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Block } from '../../src/node/replicas/entries.ts'
import { placesOf } from '../../src/node/replicas/names.ts'
import { count } from '../../src/node/replicas/plan.ts'
import type { Amount } from '../../src/node/replicas/port.ts'
import type { RemoteHolder } from '../../src/node/replicas/run/port.ts'
import { runTransfer } from '../../src/node/replicas/run/run.ts'
import { levelReplicas } from '../../src/node/replicas/store/level-replicas.ts'
import { openStore } from '../../src/node/store/store.ts'
import { buildManifest, encodePage, encodeRoot } from '../../src/protocols/manifest/build.ts'
import { blockHash } from '../../src/protocols/manifest/messages.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, entryOf, sha256, tableOf } from './kit.ts'

const test = suite('replicas: sources that lie, err or die')
const MiB = 1024 * 1024
const FOLDER = 'f'.repeat(32)

type Data = Record<string, Buffer>
/** What a source does to the bytes it is asked for. */
type Way = (asked: { path: string; offset: number; bytes: Buffer; served: number }) => Buffer[]

const honest: Way = ({ bytes: all }) => [all]

function remote(data: Data, way: Way = honest, onAsk: (bytes: number) => void = () => {}): RemoteHolder {
  let served = 0
  return {
    have: async () => ({ files: Object.keys(data).length }),
    async *tables({ paths }) {
      for (const [path, name] of paths.entries()) yield { path, table: tableOf(data[name]!) }
    },
    async *ranges({ ranges }, signal) {
      for (const [range, { path, offset, length }] of ranges.entries()) {
        signal.throwIfAborted()
        const right = data[path]!.subarray(offset, offset + length)
        for (const part of way({ path, offset, bytes: Buffer.from(right), served })) {
          served += part.length
          onAsk(part.length)
          yield { range, bytes: part }
          // Others have their turn.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    },
  }
}

interface World {
  run(sources: Record<string, RemoteHolder>): Promise<void>
  bad: string[]
  problems: string[]
  done: Amount
  final(): Promise<Map<string, Buffer>>
}

async function world(t: TestContext, data: Data): Promise<World> {
  const dir = await t.tmpdir()
  const store = await openStore({ directory: join(dir, 'store') })
  t.cleanup(async () => store.close())
  const states = levelReplicas(store)
  const manifest = buildManifest(Object.entries(data).map(([path, content]) => entryOf(path, content)))
  const places = placesOf(join(dir, 'replicas'), FOLDER)
  await mkdir(places.root, { recursive: true })
  const made: World = {
    bad: [],
    problems: [],
    done: { files: 0, bytes: 0 },
    async run(sources) {
      await runTransfer(
        {
          dataset: 'urn:x',
          version: manifest.version,
          folder: FOLDER,
          files: Object.keys(data).length,
          globs: [],
          places,
          batchBytes: MiB,
        },
        {
          block: async (hash) => manifest.blocks.get(hash)!,
          holders: async () => Object.keys(sources),
          remote: (island) => sources[island]!,
          limits: () => [],
          state: (path) => states.file(FOLDER, path),
          async save(files, done) {
            await states.commit({ files })
            made.done = { files: made.done.files + done.files, bytes: made.done.bytes + done.bytes }
          },
          table: (hash) => states.table(hash),
          keepTable: (hash, table) => states.putTable(hash, table),
          pieceTable: async (file) => tableOf(await readFile(file.local)),
          checkSpace: async () => {},
          onBytes() {},
          onBad: (island, path) => made.bad.push(`${island} ${path}`),
          onProblem: (error) => error !== undefined && made.problems.push(error.code),
          onSources() {},
          onTake() {},
        },
        t.signal,
      )
    },
    async final() {
      const found = new Map<string, Buffer>()
      for (const entry of await readdir(places.files, { recursive: true, withFileTypes: true }).catch(() => []))
        if (entry.isFile()) {
          const path = join(entry.parentPath, entry.name)
          found.set(path.slice(places.files.length + 1), await readFile(path))
        }
      return found
    },
  }
  return made
}

async function isRight(w: World, data: Data): Promise<void> {
  const final = await w.final()
  for (const [path, content] of final) assert.is(sha256(content), sha256(data[path]!), `${path} is right`)
}

const sample = (): Data => ({ 'big.bin': bytes(4 * MiB + 5), 'a/one.bin': bytes(MiB), 'a/small.bin': bytes(77) })

test('a corrupt source is left alone for that file, and the others bring it', async (t) => {
  const data = sample()
  const w = await world(t, data)
  const corrupt: Way = ({ bytes: right }) => {
    right[right.length - 1] = right[right.length - 1]! ^ 1
    return [right]
  }
  await w.run({ liar: remote(data, corrupt), good: remote(data) })
  assert.is((await w.final()).size, 3)
  await isRight(w, data)
  assert.ok(w.bad.length > 0 && w.bad.every((line) => line.startsWith('liar ')), w.bad.join())
  assert.is(new Set(w.bad).size, w.bad.length, 'it is caught at most once for a file')
})

test('a source that is wrong about sizes brings nothing under a final name', async (t) => {
  for (const [what, way] of [
    ['more', ({ bytes: b }: { bytes: Buffer }) => [Buffer.concat([b, Buffer.of(1)])]],
    ['fewer', ({ bytes: b }: { bytes: Buffer }) => (b.length > 1 ? [b.subarray(0, b.length - 1)] : [])],
    ['none', () => []],
  ] as [string, Way][]) {
    const data = { 'a.bin': bytes(1000), 'b.bin': bytes(2 * MiB) }
    const w = await world(t, data)
    await rejects(w.run({ liar: remote(data, way) }), 'BAD_DATA')
    assert.is((await w.final()).size, 0, what)
  }
})

test('a source that dies at 40 % is replaced, and nothing verified is fetched again', async (t) => {
  const data = { 'big.bin': bytes(10 * MiB) }
  const w = await world(t, data)
  let dead = 0
  const dies: Way = ({ bytes: b, served }) => {
    if (served >= 4 * MiB) throw new ArchipelError('UNREACHABLE', 'the connection failed')
    dead += b.length
    return [b]
  }
  let asked = 0
  const sources: Record<string, RemoteHolder> = { first: remote(data, dies) }
  const second = remote(data, honest, (n) => {
    asked += n
  })
  const running = w.run(new Proxy(sources, {}))
  sources.second = second
  await running
  await isRight(w, data)
  assert.is(w.done.bytes, 10 * MiB)
  assert.ok(dead + asked <= 16 * MiB, `${dead} and ${asked} bytes were asked for`)
})

test('a transfer begun anew asks only for what is missing', async (t) => {
  const data = { 'big.bin': bytes(8 * MiB) }
  const w = await world(t, data)
  let first = 0
  const half: Way = ({ bytes: b, offset }) => {
    if (offset < 4 * MiB) return [b]
    b[0] = b[0]! ^ 1
    return [b]
  }
  await rejects(w.run({ only: remote(data, half, (n) => (first += n)) }), 'BAD_DATA')
  const kept = w.done.bytes
  assert.ok(kept >= MiB, `${kept} bytes were kept`)
  let again = 0
  await w.run({ good: remote(data, honest, (n) => (again += n)) })
  assert.is(again, 8 * MiB - kept, 'not a verified byte twice')
  await isRight(w, data)
})

test('manifests with paths that lead out, or that cannot lie beside each other, are refused', async () => {
  const content = bytes(10)
  const refused = async (paths: string[]) => {
    const page = encodePage(paths.map((path) => entryOf(path, content)))
    const ref = { hash: blockHash(page), files: paths.length, bytes: page.length, first: paths[0]! }
    const root = encodeRoot({ files: paths.length, size: 10 * paths.length, pages: [ref] })
    const blocks = new Map([
      [blockHash(root), root],
      [ref.hash, page],
    ])
    const block: Block = async (hash) => blocks.get(hash)!
    const kept: string[] = []
    const work = count(
      { version: blockHash(root), globs: [] },
      block,
      async () => undefined,
      async (hash) => void kept.push(hash),
      new AbortController().signal,
    )
    await rejects(work, 'RECORD_INVALID')
  }
  await refused(['../x'])
  await refused(['/etc/passwd'])
  await refused(['a/../../x'])
  await refused(['a\\b'])
  await refused(['A.bin', 'a.bin'])
  await refused(['a', 'a/b'])
  await refused(['B/x', 'b'])
})

test.run()
