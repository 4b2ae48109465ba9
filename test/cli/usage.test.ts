/** Wrong use, and help for right use. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { cli, daemonDir } from './harness.ts'

const test = suite('cli: usage')

test(
  'bad input ends with code 2, an error and a hint, or with a JSON error',
  async (t) => {
    const { run, island, dir } = await daemonDir(t)
    await mkdir(join(dir, 'folder'))
    const bad: [string[], string?][] = [
      [[]],
      [['statsu']],
      [['status', '--colour']],
      [['status', 'extra']],
      [['show']],
      [['show', 'stars', '--format', 'xml']],
      [['show', '..']],
      [['show', 'x'.repeat(600)]],
      [['sql']],
      [['sql', 'SELECT 1', '-f', 'x']],
      [['sql', '-f', join(dir, 'missing.sql')]],
      [['sql', '-f', join(dir, 'folder')]],
      [['sql', '-'], ''],
      [['sql', '  ']],
      [['sql', '-'], 'x'.repeat(2 * 1024 * 1024)],
      [['sql', 'SELECT 1', '--timeout', 'soon']],
      [['sql', 'SELECT 1', '--max-rows', '0']],
      [['datasets', '--filter', 'colour=red']],
      [['datasets', '--filter', 'keyword']],
      [['datasets', '--filter', 'keyword>=x']],
      [['datasets', '--filter', 'size>=big']],
      [['datasets', '--filter', 'minSize=big']],
      [['datasets', '--filter', 'maxSize<=1MB']],
      [['datasets', '--filter', 'cone=1,2']],
      [['datasets', '--filter', 'cone=1,2,']],
      [['datasets', '--limit', '0']],
      [['journal', '--limit', 'x']],
      [['journal', '--limit', '9999']],
      [['invite', '--expires', 'tomorrow']],
      [['invite', '--expires', '1ms']],
      [['invite', '--expires', '24']],
      [['--config', join(dir, 'missing.json'), 'status']],
      [['revoke']],
      [['revoke', 'a', '--ticket', 'b']],
      [['revoke', 'a', '--recovery-key', '-'], 'two\nlines\n'],
      [['publish', '']],
      [['publish', '/x', '--creator', '<0000>']],
      [['publish', '/x', '--as', 'xls']],
      [['publish', '/x', '--name', 'a b']],
      [['--island', 'nowhere', '--token', 'x', 'status']],
      [['--config', join(dir, 'missing.json'), 'config']],
      [['config', '--set', 'web.port=x']],
      [['config', 'web.prot']],
      [['completion', 'fish']],
      [['task']],
      [['task', 'shwo', 'x']],
      [['task', 'show']],
      [['tasks', 'extra']],
      [['run']],
      [['run', join(dir, 'folder')]],
    ]
    for (const [args, stdin] of bad) {
      const plain = await run(args, { stdin })
      const what = `${args.join(' ').slice(0, 80)}: ${plain.stdout.slice(0, 200)}${plain.stderr.slice(0, 500)}`
      assert.is(plain.code, 2, what)
      assert.match(plain.stderr, /^(Usage[\s\S]*)?error: .+\nhint: .+\n$/, what)
      assert.is(plain.stdout, '', what)
    }
    const asJson = await run(['show', 'stars', '--format', 'xml', '--json'])
    assert.is(asJson.code, 2)
    assert.is(JSON.parse(asJson.stderr).error.code, 'BAD_INPUT')
    assert.is(asJson.stdout, '')
    assert.equal(
      island.calls.filter((c) => !['events', 'dataset'].includes(c.name)),
      [],
    )
  },
  { timeoutMs: 120_000 },
)

test(
  'help has an example for each command',
  async (t) => {
    const top = await cli(t, ['--help'])
    assert.is(top.code, 0)
    const names = [...top.stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map((m) => m[1]!).filter((name) => name !== 'help')
    assert.ok(names.length >= 21, names.join())
    const verbs = ['show', 'log', 'result', 'cancel', 'retry'].map((verb) => ['task', verb])
    for (const name of [...names.map((n) => [n]), ...verbs]) {
      const { stdout, code, stderr } = await cli(t, [...name, '--help'])
      assert.is(code, 0, `${name.join(' ')}: ${stderr}`)
      assert.match(stdout, /Example:\n +\$ /, name.join(' '))
      assert.match(stdout, '--json', name.join(' '))
    }
    assert.match((await cli(t, ['help', 'sql'])).stdout, '--max-rows')
  },
  { timeoutMs: 60_000 },
)

test.run()
