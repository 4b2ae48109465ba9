/** What every outside source does, whatever it speaks. */
import * as assert from 'uvu/assert'
import { found } from '../hostile/islands.ts'
import { rejects, type Suite, type TestContext } from '../kit/index.ts'
import { bytes } from '../replicas/kit.ts'
import { fileOf, listed, readAll, sourcesOf } from './kit.ts'

/** A place with nothing in it, in a service that runs. */
export interface Site {
  /** With `/` at its end. */
  place: string
  /** Its entry in `outside.sources`, with credentials. */
  line(t: TestContext): Promise<string>
  /** The same without credentials, or with wrong ones; absent where the service asks for none. */
  refused?: (t: TestContext) => Promise<string>
  /** Writes a file below the place; a second time, so that its state is another one for a service that counts seconds. */
  put(path: string, content: Uint8Array): Promise<void>
  /** What must not appear in words about it. */
  secrets: string[]
}

const MiB = 1024 * 1024
const NAMES = ['a b+c.bin', 'deep/er/ü&(1).csv', 'plain.csv', 'x%20y', "it's!", '-n.csv']

/** @param island whether an island publishes from there, too: once for each way of reading is enough */
export function sourceContract(test: Suite, site: () => Site, { island = true } = {}): void {
  const sources = async (t: TestContext) => await sourcesOf(t, { sources: [await site().line(t)] })

  test('files below a place are listed and read in parts, whatever their names', async (t) => {
    const { place, put } = site()
    const content = new Map(NAMES.map((name) => [name, bytes(1000 + name.length)]))
    content.set('large.bin', bytes(3 * MiB + 3))
    content.set('empty', Buffer.alloc(0))
    for (const [name, body] of content) await put(`names/${name}`, body)
    await put('names2/other.csv', bytes(3))
    const port = await sources(t)
    const all = await listed(port, `${place}names/`, t)
    assert.equal(all.map((f) => f.path).sort(), [...content.keys()].sort())
    for (const each of all)
      assert.ok((await readAll(port, fileOf(each), t)).equals(content.get(each.path)!), `${each.path} is what was put`)
    const large = all.find((f) => f.path === 'large.bin')!
    const range = { offset: 2 * MiB - 1, length: MiB - 5 }
    assert.ok(
      (await readAll(port, fileOf(large), t, range)).equals(
        content.get('large.bin')!.subarray(2 * MiB - 1, 3 * MiB - 6),
      ),
    )
    assert.equal(await listed(port, `${place}names/large.bin`, t), [large], 'one file by its place, with the same tag')
    assert.equal(
      (await listed(port, `${place}names/deep`, t)).map((f) => f.path),
      ['er/ü&(1).csv'],
    )
  })

  test('a file that is written anew is another file, and one that is gone is not found', async (t) => {
    const { place, put } = site()
    const port = await sources(t)
    await put('changing.csv', Buffer.from('first'))
    const [file] = await listed(port, `${place}changing.csv`, t)
    assert.is(String(await readAll(port, fileOf(file!), t)), 'first')
    await put('changing.csv', Buffer.from('other'))
    await rejects(readAll(port, fileOf(file!), t), 'STALE')
    assert.is(await port.look(fileOf(file!)), undefined)
    const gone = { ...fileOf(file!), local: `${place}nothing.csv` }
    await rejects(readAll(port, gone, t), 'NOT_FOUND')
  })

  test('only what the operator names is read, with the credentials of the site, and neither is told', async (t) => {
    const { place, put, refused, secrets } = site()
    await put('kept.csv', Buffer.from('n\n1\n'))
    const line = await site().line(t)
    const narrow = await sourcesOf(t, { sources: [line.replace(place, `${place}inner/`)] })
    for (const other of [`${place}kept.csv`, `${place}inner2/x`])
      await rejects(listed(narrow, other, t), 'SOURCE_NOT_ALLOWED')
    for (const dots of [`${place}inner/../kept.csv`, `${place}inner/./x`])
      await rejects(listed(narrow, dots, t), 'BAD_INPUT')
    if (refused === undefined) return
    const without = await sourcesOf(t, { sources: [await refused(t)] })
    const error = await rejects(listed(without, `${place}kept.csv`, t), 'SOURCE_REFUSED')
    for (const secret of secrets) assert.not.ok(`${error.message} ${error.hint}`.includes(secret), 'no secret in words')
  })

  if (!island) return
  test('an island publishes from there and answers SQL, and its record says nothing of the place', async (t) => {
    const { place, put, secrets } = site()
    await put('table/a.csv', Buffer.from('n\n1\n2\n'))
    await put('table/b.csv', Buffer.from('n\n40\n'))
    await put('table/_SUCCESS', Buffer.from(''))
    const a = await found(t, 'a', { 'outside.sources': [await site().line(t)], 'engine.kind': 'embedded' })
    const view = await a.port.publish({ path: `${place}table/`, name: 'numbers' })
    assert.equal([view.body.files, view.body.rows], [2, 3])
    const { result } = await a.port.sql({ sql: 'SELECT CAST(sum(n) AS INTEGER) AS s FROM numbers' })
    assert.equal(result.rows, [[43]])
    const told = JSON.stringify(view.body)
    for (const word of [place, ...secrets]) assert.not.ok(told.includes(word), 'no place and no secret in the record')
  })
}
