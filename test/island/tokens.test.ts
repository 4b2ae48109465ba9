/** The book of tokens: what it keeps, and what it does when the file is not as it should be. */
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openTokenBook } from '../../src/node/identity/token-book.ts'
import type { ArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('island: tokens')

const OWNER = 'owner-token-of-the-tests'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

async function book(t: TestContext, init: { path?: string; now?: () => number } = {}) {
  const path = init.path ?? join(await t.tmpdir(), 'tokens.json')
  const made = await openTokenBook({ owner: OWNER, ...init, path })
  t.cleanup(() => made.stop())
  return { path, ...made }
}

function refusedBy(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as ArchipelError).code
  }
  return ''
}

test('a token is known again after a restart, by its hash alone, in a file that is the owner’s', async (t) => {
  const first = await book(t)
  const { token, id } = await first.create({ name: 'notebook', scopes: ['run', 'run'], expiresMs: DAY_MS })
  assert.match(token, /^archipel_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/)
  assert.is((await stat(first.path)).mode & 0o777, 0o600)
  const text = await readFile(first.path, 'utf8')
  assert.not.match(text, token.split('_').slice(2).join('_'))
  assert.not.match(text, OWNER)
  await first.stop()
  const second = await book(t, { path: first.path })
  const { name, scopes, id: known } = second.authenticate(token)
  assert.equal([known, name, scopes], [id, 'notebook', ['run']])
  await second.revoke('notebook')
  await second.stop()
  const third = await book(t, { path: first.path })
  assert.is(
    refusedBy(() => third.authenticate(token)),
    'TOKEN_REVOKED',
  )
})

test('the token of the owner counts, is in no list, and is not revoked', async (t) => {
  const { authenticate, list, revoke, create } = await book(t)
  assert.equal(authenticate(OWNER), { id: 'owner', name: 'owner', scopes: ['admin'] })
  assert.is(list({ all: true }).total, 0)
  await rejects(revoke('owner'), 'BAD_INPUT')
  for (const name of ['owner', 'Owner']) await rejects(create({ name, scopes: ['admin'] }), 'BAD_INPUT')
})

test('with a new token of the owner the sessions of the old one end, and other tokens stay', async (t) => {
  const first = await book(t)
  const { token } = await first.create({ name: 'ada', scopes: ['admin'] })
  const signIn = async (name: string) => (await first.signIn(first.signInCode({ name, scopes: ['admin'] }).code)).token
  const [owners, adas] = [await signIn('owner'), await signIn('ada')]
  await first.stop()
  const again = await book(t, { path: first.path })
  assert.is(again.authenticate(owners).name, 'owner', 'the same owner')
  await again.stop()
  for (let n = 0; n < 2; n++) {
    const second = await openTokenBook({ path: first.path, owner: 'another-token-of-the-owner' })
    assert.is(
      refusedBy(() => second.authenticate(owners)),
      'TOKEN_REVOKED',
    )
    assert.is(
      refusedBy(() => second.authenticate(OWNER)),
      'UNAUTHENTICATED',
    )
    assert.equal([second.authenticate(adas).name, second.authenticate(token).name], ['ada', 'ada'])
    await second.stop()
  }
})

test('what is no token of this island is refused', async (t) => {
  const { authenticate, create } = await book(t)
  const { token, id } = await create({ name: 'a', scopes: ['read'] })
  for (const text of [
    '',
    'archipel',
    `${OWNER} `,
    OWNER.slice(1),
    token.slice(0, -1),
    `${token}A`,
    token.toUpperCase(),
    token.replace('archipel_', ''),
    `archipel_${id}_`,
    `archipel__${token.slice(-43)}`,
    `archipel_${id}_${'A'.repeat(43)}`,
    'archipel___proto___x',
    `archipel_constructor_${'A'.repeat(43)}`,
  ])
    assert.is(
      refusedBy(() => authenticate(text)),
      'UNAUTHENTICATED',
      text,
    )
})

test('a name is that of one active token, and free again after that', async (t) => {
  let time = Date.now()
  const { create, revoke, authenticate } = await book(t, { now: () => time })
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, () => create({ name: 'a', scopes: ['read'], expiresMs: DAY_MS })),
  )
  assert.is(results.filter((r) => r.status === 'fulfilled').length, 1)
  await revoke('a')
  const { token } = await create({ name: 'a', scopes: ['read'], expiresMs: DAY_MS })
  time += DAY_MS
  assert.is(
    refusedBy(() => authenticate(token)),
    'TOKEN_EXPIRED',
  )
  await create({ name: 'a', scopes: ['read'] })
})

test('bad names, scopes and times are refused', async (t) => {
  const { create } = await book(t)
  for (const name of ['', ' ', 'a b', '-a', 'a@b', 'ä', 'a/b', 'x'.repeat(65), '__proto__', 'a\n'])
    await rejects(create({ name, scopes: ['read'] }), 'BAD_INPUT')
  await rejects(create({ name: 'a', scopes: [] }), 'BAD_INPUT')
  for (const expiresMs of [0, 999, -1, Number.NaN, Number.POSITIVE_INFINITY, 11 * 366 * DAY_MS])
    await rejects(create({ name: 'a', scopes: ['read'], expiresMs }), 'BAD_INPUT')
})

test('a signal aborts with the reason when its token is revoked, or its time is over', async (t) => {
  const { create, revoke, authenticate } = await book(t)
  const { token, id } = await create({ name: 'a', scopes: ['read'] })
  const { token: short } = await create({ name: 'b', scopes: ['read'], expiresMs: 1000 })
  const ends = (text: string) => {
    const { signal } = authenticate(text)
    return new Promise<string>((resolve) => {
      signal?.addEventListener('abort', () => resolve(signal.reason.code), { once: true })
    })
  }
  // The timer of the book lets a process end; here is something to wait for.
  const alive = setInterval(() => {}, 1000)
  t.cleanup(() => clearInterval(alive))
  const [revoked, expired] = [ends(token), ends(short)]
  await revoke(id)
  assert.is(await revoked, 'TOKEN_REVOKED')
  assert.is(await expired, 'TOKEN_EXPIRED')
  assert.is((await revoke(id)).state, 'revoked', 'twice is as good as once')
  await rejects(revoke('a'), 'TOKEN_NOT_FOUND')
  await rejects(revoke('a'.repeat(12)), 'TOKEN_NOT_FOUND')
})

test('the last use is kept to the hour', async (t) => {
  let time = Date.parse('2026-01-02T03:04:05Z')
  const { create, authenticate, list, stop, path } = await book(t, { now: () => time })
  const { token } = await create({ name: 'a', scopes: ['read'] })
  assert.is(list({}).items[0]!.lastUsed, undefined)
  authenticate(token)
  time += 60_000
  authenticate(token)
  assert.is(list({}).items[0]!.lastUsed, '2026-01-02T03:00:00.000Z')
  await stop()
  assert.is(JSON.parse(await readFile(path, 'utf8')).tokens[0].lastUsed, Date.parse('2026-01-02T03:00:00Z'))
})

test('a list comes in pages, newest first, with the ended ones when they are asked for', async (t) => {
  let time = Date.now()
  const { create, revoke, list } = await book(t, { now: () => time++ })
  for (let n = 0; n < 7; n++) await create({ name: `t${n}`, scopes: ['read'] })
  await revoke('t3')
  const names: string[] = []
  let cursor: string | undefined
  do {
    const page = list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) })
    assert.is(page.total, 6)
    names.push(...page.items.map((i) => i.name))
    cursor = page.next
  } while (cursor !== undefined)
  assert.equal(names, ['t6', 't5', 't4', 't2', 't1', 't0'])
  assert.is(list({ all: true }).items.find((i) => i.name === 't3')?.state, 'revoked')
  assert.is(
    refusedBy(() => list({ cursor: 'none' })),
    'BAD_INPUT',
  )
})

test('ended tokens are forgotten after three months', async (t) => {
  let time = Date.now()
  const { create, revoke, list, authenticate } = await book(t, { now: () => time })
  const { token } = await create({ name: 'a', scopes: ['read'] })
  await revoke('a')
  time += 91 * DAY_MS
  await create({ name: 'b', scopes: ['read'] })
  assert.is(list({ all: true }).total, 1)
  assert.is(
    refusedBy(() => authenticate(token)),
    'UNAUTHENTICATED',
  )
})

test('a browser that signs in once more than allowed ends the oldest session', async (t) => {
  let time = Date.now()
  const { signInCode, signIn, authenticate, list } = await book(t, { now: () => time++ })
  const tokens: string[] = []
  for (let n = 0; n < 51; n++) {
    const { code } = signInCode({ name: 'owner', scopes: ['read'] })
    tokens.push((await signIn(code)).token)
  }
  assert.is(list({}).total, 50)
  assert.is(
    refusedBy(() => authenticate(tokens[0]!)),
    'TOKEN_REVOKED',
  )
  authenticate(tokens[1]!)
})

test('a file that is broken, or that others can read, is refused and left as it is', async (t) => {
  for (const text of ['', '{', '[]', '{"v":2,"tokens":[]}', '{"v":1,"tokens":[{"id":"x"}]}']) {
    const path = join(await t.tmpdir(), 'tokens.json')
    await writeFile(path, text, { mode: 0o600 })
    const error = await rejects(openTokenBook({ path, owner: OWNER }), 'DATA_DIR_BROKEN')
    assert.match(error.hint, 'tokens.json')
    assert.is(await readFile(path, 'utf8'), text)
  }
  const { create, path, stop } = await book(t)
  await create({ name: 'a', scopes: ['read'] })
  await stop()
  await chmod(path, 0o644)
  await rejects(openTokenBook({ path, owner: OWNER }), 'DATA_DIR_BROKEN')
})

test('a change that cannot be written is not taken', async (t) => {
  const dir = join(await t.tmpdir(), 'data')
  await mkdir(dir)
  const { create, revoke, list, authenticate } = await book(t, { path: join(dir, 'tokens.json') })
  const { token } = await create({ name: 'a', scopes: ['read'] })
  await rename(dir, `${dir}-away`)
  await rejects(create({ name: 'b', scopes: ['read'] }), 'DATA_DIR_BROKEN')
  await rejects(revoke('a'), 'DATA_DIR_BROKEN')
  assert.equal(
    list({ all: true }).items.map((i) => [i.name, i.state]),
    [['a', 'active']],
  )
  assert.is(authenticate(token).name, 'a')
  await rename(`${dir}-away`, dir)
  await revoke('a')
  assert.is(
    refusedBy(() => authenticate(token)),
    'TOKEN_REVOKED',
  )
})

test.run()
