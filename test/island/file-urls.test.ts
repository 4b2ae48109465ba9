/** Addresses that carry their own permission: what they say, and when they count no more. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { fileUrls } from '../../src/node/identity/file-urls.ts'
import { openTokenBook } from '../../src/node/identity/token-book.ts'
import type { ErrorCode } from '../../src/protocols/model/errors.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('island: addresses of files')

const HOUR_MS = 3_600_000
const FILE = { ref: 'archipel:isl1/survey@isl1', version: 'ab'.repeat(32), path: '2026/ä b.parquet' }
const NAME = 'ä b.parquet'

async function world(t: TestContext) {
  const clock = { now: 1_800_000_000_000 }
  const now = () => clock.now
  const path = join(await t.tmpdir(), 'tokens.json')
  const open = async (owner: string) => {
    const book = await openTokenBook({ path, owner, now })
    t.cleanup(() => book.stop())
    return book
  }
  const book = await open('owner')
  return { clock, now, open, book, urls: fileUrls('isl1', book, now) }
}

const capabilityOf = (url: string) => url.split('/')[2]!
const refused = (work: () => unknown, code: ErrorCode) =>
  rejects(
    Promise.resolve().then(() => work()),
    code,
  )

test('one file of one version, at one island, until its time is over', async (t) => {
  const { clock, now, open, urls } = await world(t)
  const { url, expires } = urls.make(FILE, { token: 'owner', expiresMs: HOUR_MS })
  assert.match(url, /^\/files\/[\w-]+\.[\w-]{43}\/%C3%A4%20b\.parquet$/)
  assert.is(expires, clock.now + HOUR_MS)
  const capability = capabilityOf(url)
  assert.equal(urls.read(capability, NAME).file, FILE)
  await refused(() => urls.read(capability, 'other.parquet'), 'URL_INVALID')
  for (let at = 0; at < capability.length; at++) {
    const other = capability[at] === 'A' ? 'B' : 'A'
    const altered = capability.slice(0, at) + other + capability.slice(at + 1)
    await refused(() => urls.read(altered, NAME), 'URL_INVALID')
  }
  for (const none of ['', '.', '..', `${capability}.x`, `.${capability.split('.')[1]}`])
    await refused(() => urls.read(none, NAME), 'URL_INVALID')
  const book = await open('owner')
  await refused(() => fileUrls('isl2', book, now).read(capability, NAME), 'URL_INVALID')
  assert.equal(fileUrls('isl1', book, now).read(capability, NAME).holder.name, 'owner', 'after a restart')
  const exchanged = await open('another owner token')
  await refused(() => fileUrls('isl1', exchanged, now).read(capability, NAME), 'URL_INVALID')
  clock.now += HOUR_MS
  await refused(() => urls.read(capability, NAME), 'URL_EXPIRED')
})

test('it ends with the token that it was made with', async (t) => {
  const { clock, book, urls } = await world(t)
  const { id } = await book.create({ name: 'notebook', scopes: ['read'], expiresMs: HOUR_MS })
  const made = urls.make(FILE, { token: id, expiresMs: 5 * HOUR_MS })
  assert.is(made.expires, clock.now + HOUR_MS, 'never after it')
  const { holder } = urls.read(capabilityOf(made.url), NAME)
  assert.equal([holder.name, holder.scopes], ['notebook', ['read']])
  await book.revoke('notebook')
  assert.is(holder.signal?.aborted, true, 'what is being read ends')
  await refused(() => urls.read(capabilityOf(made.url), NAME), 'URL_EXPIRED')
  await refused(() => urls.make(FILE, { token: id }), 'TOKEN_REVOKED')
})

test.run()
