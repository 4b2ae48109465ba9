/** The examples of programs, unchanged, against a real island; `archipel/client` is taken from the sources in place of `dist/`. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { type Dev, startDev } from '../../src/node/dev.ts'
import { createClient } from '../../src/web/client/node.ts'
import { requires, suite } from '../kit/index.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NOTEBOOK = join(ROOT, 'examples/notebook/island.ipynb')

interface Cell {
  cell_type: 'code' | 'markdown'
  id: string
  source: string[]
  outputs?: unknown[]
}

const test = suite('examples of programs')

let dev: Dev
let env: NodeJS.ProcessEnv

test.before(
  async (t) => {
    dev = await startDev({ islands: 1, baseDir: undefined, signal: t.signal, logger: pino({ level: 'silent' }) })
    t.cleanup(() => dev.stop())
    const { url, token } = dev.islands[0]!
    const client = createClient({ url, token })
    t.cleanup(() => client.close())
    await client.publish({ path: join(ROOT, 'examples/data/bright_stars.csv'), title: 'Yale Bright Star Catalogue' })
    const made = await client.tokens.create({ name: 'notebook', scopes: ['run'] })
    env = { ...process.env, ARCHIPEL_URL: url, ARCHIPEL_TOKEN: made.token }
  },
  { timeoutMs: 120_000 },
)

test('the notebook needs an address and a token, and shows datasets, a task and its rows', async (t) => {
  await requires('python3', () => run('python3', ['--version']), 'install Python 3')
  const { cells } = JSON.parse(readFileSync(NOTEBOOK, 'utf8')) as { cells: Cell[] }
  const code = cells.filter(({ cell_type }) => cell_type === 'code')
  for (const { id, outputs } of code) assert.equal(outputs, [], `${id} is kept without outputs`)
  // One after the other in one namespace, as a notebook does; -I -S: no packages but Python's own.
  const program = join(await t.tmpdir(), 'notebook.py')
  const text = code.map(({ id, source }) => `print("# ${id}")\n${source.join('')}`).join('\n\n')
  await writeFile(program, text)
  const { stdout } = await run('python3', ['-I', '-S', program], { env, signal: t.signal })
  const { name } = dev.islands[0]!
  assert.match(stdout, new RegExp(`^bright_stars +9096 +${name} +Yale Bright Star Catalogue$`, 'm'))
  assert.match(stdout, new RegExp(`^succeeded at ${name} in \\d+ ms$`, 'm'))
  assert.match(stdout, /^constellation +stars +brightest$/m)
  assert.match(stdout, /^\S+ +\d+ +-?\d+\.\d+$/m)
  assert.match(stdout, /^DATASET_NOT_FOUND: /m)
})

test('the notebook says what is wrong with a token', async () => {
  await requires('python3', () => run('python3', ['--version']), 'install Python 3')
  const { cells } = JSON.parse(readFileSync(NOTEBOOK, 'utf8')) as { cells: Cell[] }
  const text = cells
    .filter(({ cell_type }) => cell_type === 'code')
    .slice(0, 2)
    .map(({ source }) => source.join(''))
    .join('\n\n')
  const failed = await run('python3', ['-I', '-S', '-c', text], { env: { ...env, ARCHIPEL_TOKEN: 'wrong' } }).then(
    () => '',
    ({ stderr }: { stderr: string }) => stderr,
  )
  assert.match(failed, /IslandError: UNAUTHENTICATED: /)
})

/** The example beside an installed package, as its user has it. */
async function installed(folder: string): Promise<string> {
  await mkdir(join(folder, 'node_modules/archipel'), { recursive: true })
  await symlink(join(ROOT, 'src'), join(folder, 'node_modules/archipel/src'))
  // From the sources, which Node does not take out of node_modules: the link leads outside of it.
  const exported = { name: 'archipel', type: 'module', exports: { './client': './src/web/client/node.ts' } }
  await writeFile(join(folder, 'node_modules/archipel/package.json'), JSON.stringify(exported))
  await cp(join(ROOT, 'examples/node/search-and-run.mjs'), join(folder, 'search-and-run.mjs'))
  return join(folder, 'search-and-run.mjs')
}

test('the program in Node searches, runs a task to its rows, and says in words what fails', async (t) => {
  const program = await installed(await t.tmpdir())
  const { stdout, stderr } = await run(process.execPath, [program, 'stars'], { env, signal: t.signal })
  const { name } = dev.islands[0]!
  assert.match(stdout, `bright_stars: Yale Bright Star Catalogue, at ${name}`)
  assert.match(stdout, /^name\tvmag\nSirius\t-1\.46$/m)
  assert.match(stderr, `succeeded ${name}`)
  const failed = await run(process.execPath, [program], { env: { ...env, ARCHIPEL_TOKEN: 'wrong' } }).then(
    () => undefined,
    (error: { code: number; stderr: string }) => error,
  )
  assert.is(failed?.code, 1)
  assert.match(failed!.stderr, /^UNAUTHENTICATED: /)
})

test.run()
