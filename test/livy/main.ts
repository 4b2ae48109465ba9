/**
 * `npm run test:livy [-- filter...] [--everything | --prepare]`: fetches what these tests need, then runs them against a real Livy.
 * `--everything` runs all other tests first, in the same count; `--prepare` fetches only.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { assemble } from '../../docker/livy/assemble.ts'
import { CLIENTS, clientPython } from './clients/venv.ts'

const RUNNER = join(import.meta.dirname, '..', 'kit', 'run.ts')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { everything: { type: 'boolean' }, prepare: { type: 'boolean' }, jobs: { type: 'string' } },
})
const say = (text: string) => process.stdout.write(`${text}\n`)
const preparing = prepare()

if (values.prepare) process.exitCode = (await preparing) ? 0 : 1
else if (values.everything) {
  // What is still being fetched is waited for by the tests that need it; each of them says so when it is not to be had.
  process.exitCode = await runTests(['--with-livy'])
  await preparing
} else {
  await preparing
  process.exitCode = await runTests(positionals.length > 0 ? positionals : ['test/livy/'])
}

async function prepare(): Promise<boolean> {
  const parts: [string, Promise<unknown>][] = [
    ['Livy and Spark', assemble(values.everything ? {} : { say })],
    ...CLIENTS.map((name): [string, Promise<unknown>] => [`the clients of "${name}"`, clientPython(name)]),
  ]
  let good = true
  for (const [what, work] of parts)
    await work.catch((error: Error) => {
      good = false
      // After the tests nothing may follow their last line.
      if (!values.everything) process.stderr.write(`cannot get ${what}: ${error.message}\n`)
    })
  return good
}

async function runTests(args: string[]): Promise<number> {
  const jobs = values.jobs === undefined ? [] : ['--jobs', values.jobs]
  const child = spawn(process.execPath, [RUNNER, ...args, ...jobs], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}
