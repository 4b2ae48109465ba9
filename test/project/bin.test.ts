import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite, type TestContext } from '../kit/index.ts'

const BIN = fileURLToPath(new URL('../../bin/archipel.js', import.meta.url))
/** Makes the launcher see an old Node; the process it starts sees the real one. */
const OLD = ['--import', `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.1.0'})`]

/** A program that says who it is, and stays until a signal when told so. */
const MAIN = (name: string) => `
const [first, second] = process.argv.slice(2)
if (first === 'stay') {
  process.on('SIGTERM', () => { console.log('terminated'); process.exit(7) })
  setInterval(() => {}, 1000)
}
console.log('${name}', first ?? '', process.versions.node.split('.')[0] >= 24 ? 'new' : 'old')
if (first === 'die') process.kill(process.pid, 'SIGKILL')
if (first === 'exit') process.exit(Number(second))
`

async function install(t: TestContext, parts: ('dist' | 'src' | 'node')[]): Promise<string> {
  const root = await t.tmpdir()
  const write = async (file: string, text: string) => {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  await write('package.json', '{ "type": "module" }')
  await mkdir(join(root, 'bin'))
  await copyFile(BIN, join(root, 'bin/archipel.js'))
  if (parts.includes('dist')) await write('dist/node/cli/main.js', MAIN('built'))
  if (parts.includes('src'))
    await write('src/node/cli/main.ts', `const typed: string = 'x'\nvoid typed\n${MAIN('sources')}`)
  if (parts.includes('node')) {
    await mkdir(join(root, 'node_modules/node/bin'), { recursive: true })
    await symlink(process.execPath, join(root, 'node_modules/node/bin/node'))
  }
  return root
}

function start(t: TestContext, root: string, args: string[], flags: string[] = []) {
  const env = { ...process.env }
  delete env.ARCHIPEL_REEXEC
  const child = spawn(process.execPath, [...flags, join(root, 'bin/archipel.js'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: t.signal,
    killSignal: 'SIGKILL',
  })
  child.on('error', () => {})
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, output: output.trim() }))
  return { child, ended }
}

const test = suite('bin/archipel.js')

test('starts the built program where there is one', async (t) => {
  const root = await install(t, ['dist', 'src'])
  assert.equal(await start(t, root, ['exit', '3']).ended, { code: 3, signal: null, output: 'built exit new' })
})

test('runs the sources in a checkout', async (t) => {
  const root = await install(t, ['src'])
  assert.equal(await start(t, root, ['x']).ended, { code: 0, signal: null, output: 'sources x new' })
})

test('says so when neither is there', async (t) => {
  const { code, output } = await start(t, await install(t, []), []).ended
  assert.is(code, 1)
  assert.match(output, /incomplete: neither dist\/ nor src\//)
})

test('says what an old Node lacks', async (t) => {
  const { code, output } = await start(t, await install(t, ['src']), ['x'], OLD).ended
  assert.is(code, 1)
  assert.match(output, /Node\.js 24 or newer is needed, this is v/)
  assert.match(output, /npm ci/)
})

test('on an old Node it goes on with the one of the checkout, same arguments and exit code', async (t) => {
  const root = await install(t, ['src', 'node'])
  assert.equal(await start(t, root, ['exit', '5'], OLD).ended, { code: 5, signal: null, output: 'sources exit new' })
})

test('passes signals on to it and ends as it ends', async (t) => {
  const root = await install(t, ['src', 'node'])
  const { child, ended } = start(t, root, ['stay'], OLD)
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  assert.equal(await ended, { code: 7, signal: null, output: 'sources stay new\nterminated' })
  assert.is((await start(t, root, ['die'], OLD).ended).signal, 'SIGKILL')
})

test.run()
