/** `archipel token` and `archipel open` as processes, against a real web server and a real book of tokens. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createClient } from '../../src/web/client/node.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { json, raw } from '../web/harness.ts'
import { cli, daemonDir } from './harness.ts'

const test = suite('cli: tokens')

/** What the link that `open` gives is good for. */
async function signsIn(link: string): Promise<{ scopes: string[] }> {
  const { origin, port, hash } = new URL(link)
  const code = hash.replace('#sign-in=', '')
  const answer = await raw(Number(port), {
    method: 'POST',
    path: '/api/v1/browser-session',
    headers: { ...json, origin },
    body: JSON.stringify({ code }),
  })
  assert.is(answer.status, 200, answer.text)
  return JSON.parse(answer.text)
}

/** A program of this name that notes its arguments, first on the path, on a machine that has a screen. */
async function opener(
  t: TestContext,
  script: string,
): Promise<{ env: Record<string, string>; noted(): Promise<string> }> {
  const dir = await t.tmpdir()
  const path = join(dir, 'xdg-open')
  await writeFile(path, `#!/bin/sh\nprintf '%s\\n' "$#" "$@" > '${dir}/noted'\n${script}\n`)
  await chmod(path, 0o755)
  return {
    env: { PATH: `${dir}:${process.env.PATH}`, DISPLAY: ':0' },
    noted: () => readFile(join(dir, 'noted'), 'utf8'),
  }
}

test('a token that was made is on stdout alone, for scripts, and works', async (t) => {
  const { run, url } = await daemonDir(t)
  const made = await run(['token', 'create', '--name', 'notebook', '--scope', 'run,publish', '--expires', '90d'])
  assert.is(made.code, 0, made.stderr)
  const token = made.stdout.trim()
  assert.match(token, /^archipel_[a-z2-7]{12}_[\w-]{43}$/)
  assert.is(made.stdout, `${token}\n`)
  assert.match(made.stderr, /notebook.*run, publish, until \d{4}-.*shown this once/)
  assert.not.match(made.stderr, token)
  const client = createClient({ url, token })
  t.cleanup(() => client.close())
  assert.is((await client.tasks.submit({ kind: 'sql', code: 'SELECT 1' })).state, 'queued')
  await rejects(client.journal({ limit: 1 }), 'SCOPE_MISSING')
  const plain = await run(['--json', 'token', 'create', '--name', 'reader'])
  const view = JSON.parse(plain.stdout)
  assert.equal([view.name, view.scopes, view.expires, view.state], ['reader', ['read'], undefined, 'active'])
  assert.match(view.token, /^archipel_/)
})

test('the list has no secret, and ended tokens when they are asked for', async (t) => {
  const { run } = await daemonDir(t)
  assert.is((await run(['token', 'list'])).stderr, 'no tokens\n')
  const { token, id } = JSON.parse((await run(['--json', 'token', 'create', '--name', 'a'])).stdout)
  await run(['token', 'create', '--name', 'b', '--scope', 'admin', '--expires', '12h'])
  const shown = await run(['token', 'list'])
  assert.match(shown.stdout, /^ID +NAME +KIND +SCOPES +STATE +MADE +USED +EXPIRES\n/)
  assert.match(shown.stdout, new RegExp(`${id} +a +token +read +active .* never`))
  assert.not.match(shown.stdout, token.split('_').at(-1))
  const revoked = await run(['token', 'revoke', 'a'])
  assert.is(revoked.stdout, `revoked ${id} (a)\n`)
  const left = JSON.parse((await run(['--json', 'token', 'list'])).stdout)
  assert.equal(
    left.items.map((i: { name: string }) => i.name),
    ['b'],
  )
  const all = JSON.parse((await run(['--json', 'token', 'list', '--all'])).stdout)
  assert.is(all.items.find((i: { id: string }) => i.id === id).state, 'revoked')
  assert.is(JSON.parse((await run(['--json', 'token', 'revoke', id])).stdout).state, 'revoked')
})

test('what cannot be is refused with what to do', async (t) => {
  const { run } = await daemonDir(t)
  for (const [args, code, words] of [
    [['token', 'create'], 2, /--name/],
    [
      ['token', 'create', '--name', 'a', '--scope', 'read,write'],
      2,
      /"write" is no scope\nhint: .*read, run, publish, admin/,
    ],
    [['token', 'create', '--name', 'a', '--scope', ''], 2, /no scope/],
    [['token', 'create', '--name', 'a b'], 2, /name/],
    [['token', 'create', '--name', 'owner'], 2, /owner/],
    [['token', 'create', '--name', 'a', '--expires', '90'], 2, /no unit; write 12h, 90d or 52w/],
    [['token', 'create', '--name', 'a', '--expires', '20000d'], 2, /too long/],
    [['token', 'revoke', 'nobody'], 4, /no token "nobody"\nhint: .*token list --all/],
    [['token', 'revoke', 'owner'], 2, /exchanged\nhint: .*owner\.token/],
    [['token', 'revoke'], 2, /missing required argument/],
    [['token', 'forget'], 2, /unknown command|too many arguments/],
    [['open', '--scope', 'all'], 2, /"all" is no scope/],
  ] as const) {
    const answer = await run([...args])
    assert.is(answer.code, code, `${args.join(' ')}: ${answer.stderr}`)
    assert.match(answer.stderr, words)
    assert.is(answer.stdout, '', args.join(' '))
  }
  await run(['token', 'create', '--name', 'a'])
  const again = await run(['token', 'create', '--name', 'a'])
  assert.is(again.code, 2)
  assert.match(again.stderr, /token named a already\nhint: .*token revoke/)
})

test('a token that is too narrow, revoked or expired is told in words', async (t) => {
  const { run, url, tokens } = await daemonDir(t)
  const { token } = await tokens.book.create({ name: 'reader', scopes: ['read'] })
  const as = (...args: string[]) => cli(t, ['--island', url, ...args], { env: { ARCHIPEL_TOKEN: token } })
  assert.is((await as('islands')).code, 0)
  const narrow = await as('token', 'list')
  assert.is(narrow.code, 3)
  assert.match(narrow.stderr, /scope admin\nhint: .*token create --scope/)
  await run(['token', 'revoke', 'reader'])
  const revoked = await as('islands')
  assert.is(revoked.code, 3)
  assert.match(revoked.stderr, 'was revoked at')
  assert.not.match(revoked.stderr, token)
})

test('open prints a link that signs a browser in', async (t) => {
  const { run, url } = await daemonDir(t)
  for (const flag of ['--print', '--no-browser']) {
    const printed = await run(['open', flag])
    assert.is(printed.code, 0, printed.stderr)
    const link = printed.stdout.trim()
    assert.ok(link.startsWith(`${url}/#sign-in=`), link)
    assert.match(printed.stderr, 'signs in once')
    assert.equal((await signsIn(link)).scopes, ['admin'])
  }
  const read = JSON.parse((await run(['--json', 'open', '--print', '--scope', 'read'])).stdout)
  assert.is(read.opened, false)
  assert.equal((await signsIn(read.url)).scopes, ['read'])
  const tunnel = await run(['--island', `${url}/`, 'open', '--print'])
  assert.ok(tunnel.stdout.startsWith(`${url}/#sign-in=`), tunnel.stdout)
})

test('open gives the link to the browser as one argument, and does not print it', async (t) => {
  const { run, url } = await daemonDir(t)
  const { env, noted } = await opener(t, '')
  const opened = await run(['open'], { env })
  assert.is(opened.code, 0, opened.stderr)
  assert.is(opened.stdout, '')
  assert.not.match(opened.stderr, 'sign-in=')
  const [count, link] = (await noted()).split('\n')
  assert.is(count, '1')
  assert.ok(link?.startsWith(`${url}/#sign-in=`), link)
  await signsIn(link!)
  assert.is(JSON.parse((await run(['--json', 'open'], { env })).stdout).opened, true)
})

test('open prints the link where no browser can be opened', async (t) => {
  const { run } = await daemonDir(t)
  const { env } = await opener(t, 'exit 3')
  for (const there of [env, { PATH: '/nonexistent', DISPLAY: ':0' }, {}]) {
    const answer = await run(['open'], { env: there })
    assert.is(answer.code, 0, answer.stderr)
    assert.match(answer.stderr, 'No browser could be opened here.')
    await signsIn(answer.stdout.trim())
  }
})

test.run()
