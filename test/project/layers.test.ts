import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { findImports } from '../../scripts/imports.ts'
import { checkLayers, type Finding } from '../../scripts/layers.ts'
import { suite, type TestContext } from '../kit/index.ts'

type Tree = Record<string, string>

/** Sound on its own: every case below is this tree with one file more or changed. */
const SOUND: Tree = {
  'src/protocols/model/a.ts': 'export const a = 1\n',
  'src/protocols/wire/server.ts': "import { multiaddr } from '@libp2p/peer-id'\nimport { a } from '../model/a.ts'\n",
  'src/web/server/app.ts': "import { a } from '../../protocols/model/a.ts'\nexport const app = a\n",
  'src/node/store/port.ts': 'export interface Store {}\n',
  'src/node/network/host.ts': "import { createLibp2p } from 'libp2p'\nexport const host = createLibp2p\n",
  'src/node/catalog/catalog.ts':
    "import type { Store } from '../store/port.ts'\nimport type { PeerId } from '@libp2p/interface'\nimport '../../protocols/model/a.ts'\n",
  'src/node/island.ts': "import { app } from '../web/server/app.ts'\nimport { host } from './network/host.ts'\n",
  'src/node/cli/main.ts': "import '../island.ts'\nawait import('../../web/client/node.ts')\n",
  'src/web/client/node.ts': "export { fetch } from 'undici'\n",
  'src/node/settings.ts': "import { host } from './network/host.ts'\n",
  'test/kit/index.ts': "import { a } from '../../src/protocols/model/a.ts'\n",
}

async function check(t: TestContext, change: Tree) {
  const root = await t.tmpdir()
  for (const [file, text] of Object.entries({ ...SOUND, ...change })) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  return { root, ...checkLayers(root) }
}

const brief = (errors: Finding[]) => errors.map(({ rule, file, line }) => `${rule} ${file}:${line}`)

const test = suite('layers')

test('a sound tree passes, with types between capabilities and values in the composition', async (t) => {
  const { errors, warnings, files } = await check(t, {})
  assert.equal(errors, [])
  assert.equal(warnings, [])
  assert.is(files, Object.keys(SOUND).length)
})

const broken: [string, Tree, string][] = [
  [
    'the command line speaks HTTP by itself',
    { 'src/node/cli/x.ts': "import { get } from 'node:http'\n" },
    'client src/node/cli/x.ts:1',
  ],
  [
    'the command line has a second client',
    { 'src/node/cli/x.ts': "const { Pool } = await import('undici')\n" },
    'client src/node/cli/x.ts:1',
  ],
  [
    'the client library imports Node',
    { 'src/web/client/x.ts': "import { join } from 'node:path'\n" },
    'browser src/web/client/x.ts:1',
  ],
  [
    'the client library imports a package',
    { 'src/web/client/x.ts': "import { z } from 'zod'\n" },
    'browser src/web/client/x.ts:1',
  ],
  [
    'the client library imports its side of Node',
    { 'src/web/client/node.ts': "import 'undici'\n", 'src/web/client/x.ts': "export * from './node.ts'\n" },
    'browser src/web/client/x.ts:1',
  ],
  [
    'protocols/ imports web/',
    { 'src/protocols/x.ts': "import '../web/server/app.ts'\n" },
    'layer src/protocols/x.ts:1',
  ],
  [
    'protocols/ imports node/ types',
    { 'src/protocols/x.ts': "import type { Store } from '../node/store/port.ts'\n" },
    'layer src/protocols/x.ts:1',
  ],
  [
    'web/ re-exports from node/',
    { 'src/web/x.ts': "\nexport * from '../node/store/port.ts'\n" },
    'layer src/web/x.ts:2',
  ],
  [
    'web/ imports node/ later',
    { 'src/web/x.ts': "export const x = () => import('../node/island.ts')\n" },
    'layer src/web/x.ts:1',
  ],
  [
    'web/ names a type of node/ in passing',
    { 'src/web/x.ts': "export let x: import('../node/store/port.ts').Store\n" },
    'layer src/web/x.ts:1',
  ],
  [
    'a capability imports web/',
    { 'src/node/store/x.ts': "import type { app } from '../../web/server/app.ts'\n" },
    'composition src/node/store/x.ts:1',
  ],
  [
    'a file beside island.ts imports web/',
    { 'src/node/x.ts': "import '../web/server/app.ts'\n" },
    'composition src/node/x.ts:1',
  ],
  [
    'a capability imports a value of another',
    { 'src/node/store/x.ts': "import { host } from '../network/host.ts'\n" },
    'capability src/node/store/x.ts:1',
  ],
  [
    'a mixed import brings a value',
    { 'src/node/catalog/x.ts': "import { type Store, open } from '../store/port.ts'\n" },
    'capability src/node/catalog/x.ts:1',
  ],
  [
    'a capability re-exports a value',
    { 'src/node/catalog/x.ts': "export { open } from '../store/port.ts'\n" },
    'capability src/node/catalog/x.ts:1',
  ],
  [
    'a capability imports the configuration as a value',
    { 'src/node/store/x.ts': "import { load } from '../config/load.ts'\n" },
    'capability src/node/store/x.ts:1',
  ],
  [
    'a capability imports the composition',
    { 'src/node/store/x.ts': "import { island } from '../island.ts'\n" },
    'capability src/node/store/x.ts:1',
  ],
  [
    'a capability creates libp2p parts',
    { 'src/node/store/x.ts': "import { tcp } from '@libp2p/tcp'\n" },
    'libp2p src/node/store/x.ts:1',
  ],
  [
    'another protocol imports libp2p',
    { 'src/protocols/join/x.ts': "import { noise } from '@chainsafe/libp2p-noise'\n" },
    'libp2p src/protocols/join/x.ts:1',
  ],
  [
    'a subpath of libp2p is imported',
    { 'src/web/x.ts': "import { keys } from '@libp2p/crypto/keys'\n" },
    'libp2p src/web/x.ts:1',
  ],
  [
    'src/ imports a test helper',
    { 'src/node/store/x.ts': "import '../../../test/kit/index.ts'\n" },
    'outside src/node/store/x.ts:1',
  ],
  ['a file is longer than 500 lines', { 'src/web/x.ts': '//\n'.repeat(501) }, 'size src/web/x.ts:1'],
]
for (const [what, change, expected] of broken) {
  test(`it is found when ${what}`, async (t) => {
    assert.equal(brief((await check(t, change)).errors), [expected])
  })
}

test('a cycle is found once, as the shortest way round, made of types only as well', async (t) => {
  const { errors } = await check(t, {
    'src/web/a.ts': "import type { B } from './b.ts'\nimport type { D } from './d.ts'\n",
    'src/web/b.ts': "export type { C } from './c.ts'\n",
    'src/web/c.ts': "import type { A } from './a.ts'\n",
    'src/web/d.ts': "import type { B } from './b.ts'\n",
    'test/kit/self.ts': "import './self.ts'\n",
  })
  assert.equal(brief(errors), ['cycle src/web/a.ts:1', 'cycle test/kit/self.ts:1'])
  assert.match(errors[0]!.message, 'src/web/a.ts > src/web/b.ts > src/web/c.ts > src/web/a.ts')
})

test('more than 300 lines are a warning, and 300 are not', async (t) => {
  const { errors, warnings } = await check(t, {
    'src/web/x.ts': '//\n'.repeat(301),
    'src/web/y.ts': '//\n'.repeat(300),
  })
  assert.equal(errors, [])
  assert.equal(brief(warnings), ['size src/web/x.ts:1'])
})

test('the command prints the rule, the place and the remedy, and fails', async (t) => {
  const { root } = await check(t, { 'src/node/store/x.ts': "import { host } from '../network/host.ts'\n" })
  const script = fileURLToPath(new URL('../../scripts/layers.ts', import.meta.url))
  const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
    execFile(process.execPath, [script, root], { signal: t.signal }, (error, out) =>
      resolve({ code: error?.code ?? 0, stdout: out }),
    )
  })
  assert.is(code, 1)
  assert.match(stdout, /^capability .*src\/node\/store\/x\.ts:1 .*declare a port/m)
  assert.match(stdout, /1 errors, 0 warnings\n$/)
})

test.run()

const scan = suite('finding imports')

const forms: [string, string][] = [
  ["import 'x'", 'x value'],
  ["import a from 'x'", 'x value'],
  ["import a, { b as c } from 'x'", 'x value'],
  ["import * as a from 'x'", 'x value'],
  ["import type { A } from 'x'", 'x type'],
  ["import type A from 'x'", 'x type'],
  ["import { type A } from 'x'", 'x value'],
  ["import type from 'x'", 'x value'],
  ["import type, { a } from 'x'", 'x value'],
  ["import {\n  a, // from 'y'\n  b,\n} from 'x'", 'x value'],
  ["import data from 'x' with { type: 'json' }", 'x value'],
  ["export { a } from 'x'", 'x value'],
  ["export * as a from 'x'", 'x value'],
  ["export type { A } from 'x'", 'x type'],
  ["export type * from 'x'", 'x type'],
  ["const a = await import('x')", 'x value'],
  ["import('x').then(f)", 'x value'],
  ['import(`x`)', 'x value'],
  ["type A = import('x').A", 'x type'],
  ["type A = typeof import('x')", 'x type'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
  ["const s = `a ${`b ${await import('x')}`} import 'y'`", 'x value'],
]
for (const [source, expected] of forms) {
  scan(`${source.replaceAll(/\s+/g, ' ')} is seen`, () => {
    const found = findImports(source)
    assert.equal(
      found.map(({ specifier, typeOnly }) => `${specifier} ${typeOnly ? 'type' : 'value'}`),
      [expected],
    )
  })
}

scan('what only looks like an import is left alone, and what follows is still found', () => {
  const lookalikes = [
    "// import 'no'",
    "/* import 'no'\n */",
    'const a = "import \'no\'"',
    "const b = `import 'no'`",
    "const c = /import 'no'[/]\\//",
    "const d = 1 / 2; const e = 'x' / 3",
    "a.import('no')",
    'import.meta.url',
    "const from = 'no'",
    "export const f = 'no'",
    "export default { import: 'no' }",
    'import(name)',
    "export { a }\nconst g = from('no')",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
    'const h = `${{ a: 1 }}`',
  ]
  for (const text of lookalikes) {
    const found = findImports(`${text}\nimport 'yes'`)
    assert.equal(
      found.map(({ specifier }) => specifier),
      ['yes'],
      text,
    )
    assert.is(found[0]?.line, text.split('\n').length + 1, text)
  }
})

scan.run()
