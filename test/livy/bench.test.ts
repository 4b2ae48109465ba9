/** The benchmark of a real Livy, at its smallest. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { Figure } from '../bench/bench.ts'
import { suite } from '../kit/index.ts'
import { INSTALL_MS } from './clients/venv.ts'

const MAIN = fileURLToPath(new URL('../bench/main.ts', import.meta.url))
const test = suite('bench of a real Livy')

test(
  'a smoke run has every figure beside that of Livy itself',
  async (t) => {
    const child = spawn(process.execPath, [MAIN, 'livy', '--quick', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
    t.cleanup(async () => {
      child.kill('SIGTERM')
      await closed
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (err += chunk))
    assert.is(await closed, 0, err)
    const { benchmarks } = JSON.parse(out) as { benchmarks: { name: string; figures: Figure[] }[] }
    const figures = benchmarks.find(({ name }) => name === 'livy')?.figures ?? []
    for (const wanted of ['trivial', '250 ms', 'sparkmagic', 'pylivy', 'session', 'batch', 'log', 'rows', 'looks'])
      assert.ok(
        figures.some(({ what, baseline }) => what.includes(wanted) && (baseline?.value ?? 0) > 0),
        `${wanted} beside Livy: ${JSON.stringify(figures.map(({ what }) => what))} ${err}`,
      )
    for (const { what, value } of figures) {
      assert.ok(Number.isFinite(value), `${what}: ${value}`)
      if (!what.includes('adds')) assert.ok(value > 0, `${what}: ${value}`)
    }
  },
  { timeoutMs: INSTALL_MS },
)

test.run()
