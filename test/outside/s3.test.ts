/** Against a server of S3 that checks signatures. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseList } from '../../src/node/outside/s3.ts'
import { found } from '../hostile/islands.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, writeFiles } from '../replicas/kit.ts'
import { fileOf, listed, readAll, sourcesOf } from './kit.ts'
import { type S3Server, s3Server } from './s3-server.ts'

const test = suite('outside sources: S3')
const MiB = 1024 * 1024
let server: S3Server

test.before(async (t) => {
  server = await s3Server(t)
})

async function source(t: TestContext, options: { secret?: string; anonymous?: boolean } = {}): Promise<string> {
  const { accessKey, secretKey, url, region } = server
  const line = `s3://survey/dr1/ endpoint=${url} region=${region}`
  if (options.anonymous) return line
  const file = join(await t.tmpdir(), 'credentials')
  const secret = options.secret ?? secretKey
  await writeFile(
    file,
    `[other]\naws_access_key_id=x\naws_secret_access_key=y\n[default]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secret}\n`,
  )
  return `${line} credentials=${file}`
}

test('objects below a prefix are listed and read in parts, whatever their names', async (t) => {
  const names = ['a b+c.bin', 'deep/er/ü&(1).csv', 'plain.csv', 'x%20y', "it's!"]
  const content = new Map(names.map((name) => [name, bytes(1000 + name.length)]))
  content.set('large.bin', bytes(2 * MiB + 3))
  for (const [name, body] of content) await server.put('survey', `dr1/${name}`, body)
  await server.put('survey', 'dr10/other.csv', 'not below it')
  // No object that was ever put, so it has no ETag.
  await writeFiles(join(server.dir, 'survey/dr1'), { 'laid/down.csv': 'n\n1\n' })
  content.set('laid/down.csv', Buffer.from('n\n1\n'))
  const port = await sourcesOf(t, { sources: [await source(t)] })
  const found = await listed(port, 's3://survey/dr1/', t)
  assert.equal(found.map((f) => f.path).sort(), [...content.keys()].sort())
  for (const each of found)
    assert.ok((await readAll(port, fileOf(each), t)).equals(content.get(each.path)!), `${each.path} is what was put`)
  const large = fileOf(found.find((f) => f.path === 'large.bin')!)
  assert.ok(
    (await readAll(port, large, t, { offset: MiB - 1, length: 9 })).equals(
      content.get('large.bin')!.subarray(MiB - 1, MiB + 8),
    ),
  )
  assert.equal(
    (await listed(port, 's3://survey/dr1/plain.csv', t)).map((f) => f.path),
    ['plain.csv'],
  )
  assert.equal(
    (await listed(port, 's3://survey/dr1/deep', t)).map((f) => f.path),
    ['er/ü&(1).csv'],
  )
  assert.equal(await listed(port, 's3://survey/dr1/nothing', t), [])
  for (const place of ['s3://survey/dr10/', 's3://survey/', 's3://other/dr1/'])
    await rejects(listed(port, place, t), 'SOURCE_NOT_ALLOWED')
  await rejects(listed(port, 's3://survey/dr1/../x', t), 'BAD_INPUT')
})

test('a wrong key and no key are refused, and public objects need none', async (t) => {
  await server.put('open', 'f.csv', 'n\n1\n')
  const wrong = await sourcesOf(t, { sources: [await source(t, { secret: 'guessed' })] })
  const error = await rejects(listed(wrong, 's3://survey/dr1/', t), 'SOURCE_REFUSED')
  assert.not.match(error.message, /guessed|127\.0\.0\.1/)
  const none = await sourcesOf(t, {
    sources: [await source(t, { anonymous: true }), `s3://open endpoint=${server.url}`],
  })
  await rejects(listed(none, 's3://survey/dr1/', t), 'SOURCE_REFUSED')
  await server.makePublic('open')
  const [file] = await listed(none, 's3://open/', t)
  assert.is(String(await readAll(none, fileOf(file!), t)), 'n\n1\n')
})

test('an object that is put anew is another file', async (t) => {
  const port = await sourcesOf(t, { sources: [await source(t)] })
  await server.put('survey', 'dr1/changing.csv', 'first')
  const [file] = await listed(port, 's3://survey/dr1/changing.csv', t)
  assert.is(String(await readAll(port, fileOf(file!), t)), 'first')
  await server.put('survey', 'dr1/changing.csv', 'other')
  await rejects(readAll(port, fileOf(file!), t), 'STALE')
  assert.is(await port.look(fileOf(file!)), undefined)
})

test('an island publishes what is below a prefix, and answers questions about it', async (t) => {
  const table = { 'a.csv': 'n\n1\n2\n', 'b.csv': 'n\n40\n', _SUCCESS: '' }
  for (const [name, text] of Object.entries(table)) await server.put('survey', `dr1/table/${name}`, text)
  const a = await found(t, 'a', { 'outside.sources': [await source(t)], 'engine.kind': 'embedded' })
  const view = await a.port.publish({ path: 's3://survey/dr1/table/', name: 'numbers' })
  assert.equal([view.body.files, view.body.rows], [2, 3])
  const { result } = await a.port.sql({ sql: 'SELECT CAST(sum(n) AS INTEGER) AS s FROM numbers' })
  assert.equal(result.rows, [[43]])
  const config = await readFile(join(a.dataDir, 'config.json'), 'utf8').catch(() => '')
  assert.not.match(config, new RegExp(server.secretKey))
})

test('lists of several pages, with and without encoded names, are read', () => {
  const object = (key: string) => `<Contents><Key>${key}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents>`
  const page = (inner: string) => `<?xml version="1.0"?><ListBucketResult xmlns="x">${inner}</ListBucketResult>`
  const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>'
  assert.equal(parseList(page(`${more}<EncodingType>url</EncodingType>${object('a+b%2Bc')}`)), {
    objects: [{ key: 'a b+c', size: 3, tag: '"e"' }],
    next: 'a&b=',
  })
  assert.is(parseList(page(object('a+b%2B&lt;&#x41;'))).objects[0]!.key, 'a+b%2B<A')
  assert.throws(() => parseList('<html>no</html>'), /list of objects/)
})

test.run()
