/** Against a server of S3 that checks signatures. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseList } from '../../src/node/outside/s3.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { writeFiles } from '../replicas/kit.ts'
import { sourceContract } from './contract.ts'
import { fileOf, listed, readAll, sourcesOf } from './kit.ts'
import { type S3Server, s3Server } from './s3-server.ts'

const test = suite('outside sources: S3')
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

sourceContract(test, () => ({
  place: 's3://survey/dr1/',
  line: source,
  refused: (t) => source(t, { secret: 'guessed' }),
  put: (path, content) => server.put('survey', `dr1/${path}`, content),
  secrets: [server.secretKey, server.url, 'guessed'],
}))

test('an object that was never put, so that it has no ETag, is read; a bucket without a name is not', async (t) => {
  await writeFiles(join(server.dir, 'survey/dr1'), { 'laid/down.csv': 'n\n1\n' })
  const port = await sourcesOf(t, { sources: [await source(t)] })
  const [file] = await listed(port, 's3://survey/dr1/laid/down.csv', t)
  assert.is(String(await readAll(port, fileOf(file!), t)), 'n\n1\n')
  assert.equal(await listed(port, 's3://survey/dr1/nothing', t), [])
  await rejects(listed(port, 's3:///dr1/', t), 'BAD_INPUT')
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
