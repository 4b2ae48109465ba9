import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../src/node/cli/commands.ts'
import { loadConfig } from '../../src/node/config/load.ts'
import { parseBytes, parseDuration } from '../../src/node/config/units.ts'
import { suite } from '../kit/index.ts'
import { anchors, links, rows, section } from './markdown.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const pages = globSync('**/*.md', { cwd: ROOT, exclude: (path) => /^(node_modules|dist|\.git)$/.test(path) }).sort()

const test = suite('pages of the documentation')

test('every link to a place in this repository leads somewhere', () => {
  assert.ok(pages.includes('README.md'))
  const broken: string[] = []
  for (const page of pages) {
    for (const link of links(read(page))) {
      if (/^[a-z]+:/.test(link)) continue
      const [path, anchor] = link.split('#')
      const target = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), decodeURIComponent(path!))
      const inside = !relative(ROOT, target).startsWith('..')
      const there = inside && existsSync(target)
      const found = anchor === undefined || (there && anchors(readFileSync(target, 'utf8')).has(anchor))
      if (!there || !found) broken.push(`${page}: ${link}`)
    }
  }
  assert.equal(broken, [])
})

test('the table of commands in the README has every command, in the order of the help', () => {
  const named = rows(section(read('README.md'), '## Commands')).flatMap(
    ([first]) => /^`archipel ([a-z]+)`$/.exec(first!)?.[1] ?? [],
  )
  const order = ['create', 'join', 'up', 'status', 'islands']
  assert.equal(
    named,
    COMMANDS.map((command) => command.name),
    `the README names them as \`archipel --help\` does (${order.join(', ')}, ...)`,
  )
})

test('the guide explains every finding of the status, and none that does not exist', () => {
  const source = read('src/node/status/findings.ts')
  const codes = new Set([...source.matchAll(/code: '([A-Z_]+)'/g)].map((m) => m[1]!))
  assert.ok(codes.size > 10, 'codes were found in the source')
  const explained = rows(section(read('docs/operator.md'), '## Status')).flatMap(
    ([first]) => /^`([A-Z_]+)`$/.exec(first!)?.[1] ?? [],
  )
  assert.equal([...explained].sort(), [...codes].sort())
})

test('the bounds in the guide are the defaults of the settings', () => {
  const config = loadConfig({ env: {}, flags: { dataDir: '/nowhere', settings: { name: 'x' } } })
  let compared = 0
  for (const [what, bounds, settings] of rows(section(read('docs/operator.md'), '## Limits'))) {
    const names = [...(settings ?? '').matchAll(/`([\w.]+)`/g)].map((m) => m[1]!)
    const values = bounds!.split(', ')
    for (const [i, name] of names.entries()) {
      const set = name.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config)
      assert.is(set, numberOf(values[i]!), `${what}: ${name}`)
      compared++
    }
  }
  assert.ok(compared > 5, 'settings were found')
})

function numberOf(text: string): number {
  if (/B$/.test(text)) return parseBytes(text.replace(' ', ''))
  if (/s$/.test(text)) return parseDuration(text.replace(' ', ''))
  return Number(text.replaceAll(',', ''))
}

test('every folder of the house has a README', () => {
  const folders = ['src', ...['src/protocols', 'src/web', 'src/node'].flatMap((f) => [f, ...childrenOf(f)])]
  folders.push('config', 'examples', 'examples/data', 'scripts', 'test', 'test/docs')
  assert.ok(folders.length > 25)
  assert.equal(
    folders.filter((folder) => !existsSync(join(ROOT, folder, 'README.md'))),
    [],
  )
})

function childrenOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .map((name) => `${folder}/${name}`)
    .filter((path) => statSync(join(ROOT, path)).isDirectory())
}

test.run()
