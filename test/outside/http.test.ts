import { readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseEndpoints } from '../../src/node/outside/endpoint.ts'
import { selfSigned } from '../kit/certificates.ts'
import { rejects, suite } from '../kit/index.ts'
import { bytes } from '../replicas/kit.ts'
import { fileOf, listed, readAll, sourcesOf, webServer } from './kit.ts'

const test = suite('outside sources: web servers')
const MiB = 1024 * 1024

test('a file is listed with its size and tag, and read in parts', async (t) => {
  const web = await webServer(t)
  const content = bytes(3 * MiB + 5)
  web.files.set('a b.bin', { bytes: content, etag: '"1"' })
  web.files.set('empty', { bytes: Buffer.alloc(0), etag: '"0"' })
  const port = await sourcesOf(t, { sources: [web.url] })
  const [one, ...more] = await listed(port, `${web.url}a%20b.bin`, t)
  assert.equal([one!.path, one!.size, one!.tag, more.length], ['a b.bin', content.length, '"1"', 0])
  assert.ok((await readAll(port, fileOf(one!), t)).equals(content))
  const range = { offset: MiB - 3, length: 7 }
  assert.ok((await readAll(port, fileOf(one!), t, range)).equals(content.subarray(MiB - 3, MiB + 4)))
  assert.is((await listed(port, `${web.url}empty`, t))[0]!.size, 0)
  await rejects(listed(port, `${web.url}nothing`, t), 'NOT_FOUND')
  await rejects(listed(port, web.url, t), 'BAD_INPUT')
})

test('a file that changes is never read under its old tag, with a strong tag and with times only', async (t) => {
  const web = await webServer(t)
  for (const [name, tag] of [
    ['strong', '"1"'],
    ['weak', 'W/"1"'],
  ] as const) {
    web.files.set(name, { bytes: Buffer.from('first'), etag: tag })
    const port = await sourcesOf(t, { sources: [web.url] })
    const file = fileOf((await listed(port, web.url + name, t))[0]!)
    web.files.set(name, { bytes: Buffer.from('other'), etag: tag.replace('1', '2') })
    const error = await rejects(readAll(port, file, t), 'STALE')
    assert.not.match(error.message, /127\.0\.0\.1/, 'the place is not said')
    assert.is(await port.look(file), undefined, name)
  }
})

test('a connection that breaks goes on where it was, and one that always breaks is told', async (t) => {
  const web = await webServer(t)
  const content = bytes(2 * MiB)
  web.files.set('f', { bytes: content, etag: '"1"' })
  const port = await sourcesOf(t, { sources: [web.url] })
  const file = fileOf((await listed(port, `${web.url}f`, t))[0]!)
  let cuts = 2
  web.before = (request, response) => {
    const range = /bytes=(\d+)-/.exec(request.headers.range ?? '')
    if (cuts === 0 || range === null) return false
    cuts--
    const from = Number(range[1])
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` })
    response.write(content.subarray(from, from + 300_000), () => response.destroy())
    return true
  }
  assert.ok((await readAll(port, file, t)).equals(content))
  assert.is(cuts, 0)
  const starts = web.log.filter((line) => line.includes('bytes=') && !line.includes('bytes=0-'))
  assert.ok(starts.length >= 1, `later tries begin later: ${web.log.join('; ')}`)
  web.before = (_, response) => {
    response.writeHead(503).end()
    return true
  }
  await rejects(readAll(port, file, t), 'SOURCE_UNREACHABLE')
})

test('servers that cannot be used are told apart: no ranges, no tag, no access', async (t) => {
  const web = await webServer(t)
  web.files.set('f', { bytes: Buffer.from('some bytes'), etag: '"1"' })
  const port = await sourcesOf(t, { sources: [web.url] })
  const answers = (status: number, headers: Record<string, string>, body: string) => {
    web.before = (request, response) => {
      response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body)
      return true
    }
  }
  answers(200, { etag: '"1"', 'content-length': '10' }, 'some bytes')
  assert.match((await rejects(listed(port, `${web.url}f`, t), 'UNREADABLE')).message, /parts of files/)
  answers(206, { 'content-range': 'bytes 0-0/10' }, 's')
  assert.match((await rejects(listed(port, `${web.url}f`, t), 'UNREADABLE')).message, /when the file changes/)
  answers(403, {}, '')
  await rejects(listed(port, `${web.url}f`, t), 'SOURCE_REFUSED')
})

test('only what the operator names is asked, redirects included, and each gets its own token only', async (t) => {
  const [web, inner] = [await webServer(t), await webServer(t)]
  const tokenFile = join(await t.tmpdir(), 'token')
  await writeFile(tokenFile, 's3cret\n')
  const seen: (string | undefined)[] = []
  inner.files.set('secret/f', { bytes: Buffer.from('inner'), etag: '"1"' })
  inner.before = (request) => {
    seen.push(request.headers.authorization)
    return false
  }
  web.before = (request, response) => {
    if (request.headers.authorization !== 'Bearer s3cret') return response.writeHead(401).end() !== undefined
    response.writeHead(302, { location: `${inner.url}secret/f` }).end()
    return true
  }
  const named = `${web.url}open/ token=${tokenFile}`
  const closed = await sourcesOf(t, { sources: [named] })
  for (const place of [inner.url, `${web.url}other`, `${web.url}open/../x`, 'http://169.254.169.254/latest/'])
    await rejects(listed(closed, `${place}f`, t), 'SOURCE_NOT_ALLOWED')
  await rejects(listed(closed, `${web.url}open/f`, t), 'SOURCE_NOT_ALLOWED')
  assert.equal(inner.log, [], 'a redirect to what is not named is not followed')
  const wider = await sourcesOf(t, { sources: [named, `${inner.url}secret/`] })
  assert.is((await listed(wider, `${web.url}open/f`, t))[0]!.size, 5)
  assert.equal([...new Set(seen)], [undefined], 'the token stays with whom it is for')
  for (const place of ['http://u:p@127.0.0.1/f', `${web.url}open/f?X-Sig=1`, 'gopher://h/f'])
    await rejects(listed(wider, place, t), 'BAD_INPUT')
})

test('what others may name is a public place in its one spelling, and nothing behind a secret; no spelling leads out of a place', async (t) => {
  const web = await webServer(t)
  const tokenFile = join(await t.tmpdir(), 'token')
  await writeFile(tokenFile, 's3cret\n')
  const inner = `${web.url}inner/ token=${tokenFile}`
  const port = await sourcesOf(t, { sources: [`${web.url}open/`, inner, 's3://open', 'rclone:site:', 'hdfs://h/'] })
  for (const place of [`${web.url}open/`, `${web.url}open/a%20b`, 's3://open/dr1/'])
    assert.ok(port.isOpen(place), place)
  const paths = ['inner/f', 'open/../inner/f', 'open/%2e%2e/inner/f', 'open/f?x', 'other', 'open/..%2Finner/f']
  for (const place of [
    ...paths.map((path) => web.url + path),
    'rclone:site:f',
    'hdfs://h/f',
    's3://open/../x',
    '/etc/passwd',
  ])
    assert.not.ok(port.isOpen(place), place)
  for (const path of ['open/..%2Finner/f', 'open/..%5cinner/f', 'open/x/%2e.%2f..%2Finner/f'])
    await rejects(listed(port, web.url + path, t), 'BAD_INPUT')
  await rejects(listed(port, 'rclone:site:/etc/passwd', t), 'SOURCE_NOT_ALLOWED')
  assert.equal(web.log, [])
  web.before = (_, response) => Boolean(response.writeHead(302, { location: '/open/..%2finner/f' }).end())
  await rejects(listed(port, `${web.url}open/f`, t), 'SOURCE_NOT_ALLOWED')
  assert.is(web.log.length, 1, 'nor does a redirect')
})

test('TLS is believed with the authority that the operator names, and not without', async (t) => {
  const pem = await selfSigned(t)
  const web = await webServer(t, pem)
  web.files.set('f', { bytes: Buffer.from('sealed'), etag: '"1"' })
  const believes = await sourcesOf(t, { sources: [`${web.url} ca=${pem.certFile}`] })
  const file = fileOf((await listed(believes, `${web.url}f`, t))[0]!)
  assert.is(String(await readAll(believes, file, t)), 'sealed')
  await rejects(readAll(await sourcesOf(t, { sources: [web.url] }), file, t), 'SOURCE_UNREACHABLE')
})

test('copies are made once, go on after an interruption, are checked, and keep within their bound', async (t) => {
  const web = await webServer(t)
  const content = bytes(2 * MiB)
  web.files.set('one.bin', { bytes: content, etag: '"1"' })
  web.files.set('two.bin', { bytes: content, etag: '"2"' })
  const dir = join(await t.tmpdir(), 'copies')
  const port = await sourcesOf(t, { sources: [web.url], dir, cacheBytes: 3 * MiB })
  const [one, two] = await Promise.all(
    ['one.bin', 'two.bin'].map(async (name) => fileOf((await listed(port, web.url + name, t))[0]!)),
  )
  const stop = new AbortController()
  const half = port.copies([one!], { signal: stop.signal, onBytes: () => stop.abort() })
  await half.then(
    () => assert.unreachable('it was stopped'),
    () => {},
  )
  web.log.length = 0
  const [[local], [again]] = await Promise.all([
    port.copies([one!], { signal: t.signal }),
    port.copies([one!], { signal: t.signal }),
  ])
  assert.ok(readFileSync(local!).equals(content))
  assert.is(again, local)
  assert.is(web.log.length, 1, `read once by both: ${web.log.join('; ')}`)
  assert.match(local!, /\.bin$/)
  await rejects(port.copies([two!], { signal: t.signal }), 'QUOTA_EXCEEDED')
  const bad = new Error('not these')
  const fresh = await sourcesOf(t, { sources: [web.url], dir: join(await t.tmpdir(), 'c') })
  const refused = await fresh
    .copies([two!], { signal: t.signal, check: async () => Promise.reject(bad) })
    .catch((error: unknown) => error)
  assert.is(refused, bad)
  assert.equal(await readdir(dir), [local!.slice(dir.length + 1)])
})

test('entries of the configuration that mean nothing are refused, without their contents', async () => {
  const others = ['hdfs://nn/ web=nn', 'root://h//x program=xrdfs', 'rclone:sftp,host=h:x', 'rclone:a:x token=t']
  for (const line of [
    'ftp://h/',
    'https://h/ user=me',
    's3://Bucket!/',
    's3://b/ style=odd',
    's3://bkt/ endpoint=h',
    ...others,
  ])
    await rejects(() => parseEndpoints([line]), 'CONFIG_INVALID')
})

test.run()
