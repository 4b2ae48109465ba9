/** Origins that the catalog of another island names: how far it decides what is read here. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { origins } from '../../src/node/replicas/origin.ts'
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes } from '../replicas/kit.ts'
import { sourcesOf, webServer } from './kit.ts'

const test = suite('outside sources: origins that others name')
const version = 'a'.repeat(64)

const bodyWith = (origin: string): DatasetBody => ({
  ...{ name: 'd', title: 'd', keywords: [], creators: [], aliases: [], format: 'files', files: 1, size: 5 },
  ...{ created: '2026-11-22T00:00:00Z', modified: '2026-11-22T00:00:00Z', version, origin },
})

async function setUp(t: TestContext) {
  const web = await webServer(t)
  const token = join(await t.tmpdir(), 'token')
  await writeFile(token, 's3cret')
  const sources = [`${web.url}open/`, `${web.url}open/inner/ token=${token}`, `${web.url}inner/ token=${token}`]
  for (const path of ['open/f', 'open/inner/f', 'inner/f'])
    web.files.set(path, { bytes: Buffer.from('12345'), etag: '"1"' })
  const outside = await sourcesOf(t, { sources })
  const of = (body: DatasetBody) =>
    origins({
      outside,
      publisher: {
        prepare: () => Promise.reject(new ArchipelError('INTERNAL', 'it is read')),
        pieceTable: async () => Buffer.alloc(32),
      },
      bodyOf: async () => body,
    })
  return { web, of }
}

test('nothing is read with a secret of this island, however the origin or the file is written', async (t) => {
  const { web, of } = await setUp(t)
  async function read(origin: string, path: string): Promise<string> {
    const remote = of(bodyWith(web.url + origin)).remote('origin:p')!
    const parts: Uint8Array[] = []
    const request = { dataset: 'd', version, ranges: [{ path, offset: 0, length: 5 }] }
    for await (const item of remote.ranges(request, t.signal)) parts.push(item.bytes)
    return Buffer.concat(parts).toString()
  }
  assert.is(await read('open/', 'f'), '12345')
  const before = web.log.length
  await rejects(read('open/', 'inner/f'), 'SOURCE_NOT_ALLOWED')
  for (const origin of ['open/../inner/', 'inner/', 'open/inner/'])
    await rejects(read(origin, 'f'), 'DATASET_NOT_FOUND')
  assert.is(web.log.length, before, 'nothing was asked')
  assert.is(await of(bodyWith(`${web.url}open/../inner/`)).holderOf({ id: 'd', publisher: 'p' }, version), undefined)
})

test('an origin with far more bytes than its dataset is not read to make its list of files', async (t) => {
  const { web, of } = await setUp(t)
  web.files.set('open/large', { bytes: bytes(2 * 1024 * 1024), etag: '"1"' })
  const none = async () => {
    throw new ArchipelError('NO_HOLDER', 'no island')
  }
  const block = of(bodyWith(`${web.url}open/large`)).block('d', version, ['origin:p'], none, t.signal)
  await rejects(block('b'.repeat(64)), 'BAD_DATA')
  assert.equal(web.log, ['GET /open/large bytes=0-0'])
})

test.run()
