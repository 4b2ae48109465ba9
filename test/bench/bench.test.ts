import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite, type TestContext } from '../kit/index.ts'
import { type Figure, met, percentile, spread } from './bench.ts'
import { figuresTable } from './table.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const README = new URL('./README.md', import.meta.url)
const NAMES = [
  'ingest',
  'cold-join',
  'catch-up',
  'idle-round',
  'visibility',
  'resolve',
  'memory',
  'start',
  'tasks',
  'queue',
  'rows',
  'placement',
  'transfers',
  'web',
]
/** Needs a Spark: its smoke run is among the tests against a real Livy. */
const WITH_LIVY = 'livy'

interface Report {
  conditions: { scale: string; node: string; cpus: number }
  benchmarks: { name: string; figures: Figure[]; error?: string }[]
}

async function bench(t: TestContext, args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.cleanup(() => child.kill('SIGTERM'))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, out, err }
}

const test = suite('bench')

test(
  'a smoke run of every benchmark yields figures',
  async (t) => {
    const { code, out, err } = await bench(t, [...NAMES, '--quick', '--json'])
    assert.is(code, 0, err)
    const report = JSON.parse(out) as Report
    assert.is(report.conditions.scale, 'quick')
    assert.equal(
      report.benchmarks.map((b) => b.name),
      NAMES,
    )
    for (const { name, figures } of report.benchmarks) {
      assert.ok(figures.length > 0, `${name} has figures`)
      for (const { what, value, unit, baseline } of figures) {
        assert.ok(Number.isFinite(value), `${name}, ${what}: ${value}`)
        assert.ok(unit !== '', `${name}, ${what} has a unit`)
        // Differences and shares may be negative, everything else took something.
        if (!what.includes('adds')) assert.ok(value >= 0, `${name}, ${what}: ${value}`)
        if (baseline !== undefined) assert.ok(baseline.value > 0, `${name}, ${what}: baseline ${baseline.value}`)
      }
    }
  },
  { timeoutMs: 540_000 },
)

test('a benchmark that does not exist is refused with the names there are', async (t) => {
  const { code, out, err } = await bench(t, ['speed'])
  assert.is(code, 2)
  assert.is(out, '')
  for (const name of [...NAMES, WITH_LIVY]) assert.ok(err.includes(name), `the hint names ${name}`)
})

test('--help has every benchmark and an example, and options that do not exist are refused', async (t) => {
  const { code, out, err } = await bench(t, ['--help'])
  assert.equal([code, err], [0, ''])
  for (const name of [...NAMES, WITH_LIVY]) assert.match(out, new RegExp(`^  ${name} +[a-z]`, 'm'))
  assert.match(out, /^example: npm run bench -- /m)
  const wrong = await bench(t, ['--fast'])
  assert.equal([wrong.code, wrong.out], [2, ''])
  assert.match(wrong.err, /^error: .*--fast.*\nhint: .*--help\n$/s)
})

test('the README tells of every benchmark', async () => {
  const text = await readFile(README, 'utf8')
  for (const name of NAMES) assert.ok(text.includes(`\`${name}\``), `README has ${name}`)
})

test('percentiles are values of the list', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i)
  assert.is(percentile(values, 50), 50)
  assert.is(percentile(values, 99), 99)
  assert.is(percentile(values, 100), 100)
  assert.is(percentile([7], 99), 7)
  assert.ok(Number.isNaN(percentile([], 50)))
  assert.equal(
    spread('x', [3, 1, 2], { below: 4 }).map((f) => [f.what, f.value, f.target]),
    [
      ['x, p50', 2, undefined],
      ['x, p99', 3, { below: 4 }],
    ],
  )
})

test('the table says whether a target is met', () => {
  const figure = { what: 'a', value: 5, unit: 'ms' }
  assert.is(met(figure), undefined)
  assert.is(met({ ...figure, target: { below: 5 } }), false)
  assert.is(met({ ...figure, target: { above: 4 } }), true)
  const text = figuresTable([
    { ...figure, target: { below: 4 }, baseline: { what: 'plain', value: 2, unit: 'ms', ratio: 2.5 } },
    { ...figure, value: 123_456.7, target: { above: 1 } },
  ])
  const [head, missed, ok] = text.split('\n')
  assert.match(head!, /measured +value +target +ratio +against/)
  assert.match(missed!, /a +5 ms +< 4 ms +missed +2\.5 +plain: 2 ms$/)
  assert.match(ok!, /a +123,457 ms +> 1 ms +met$/)
})

test.run()
