import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'

const DEMO = fileURLToPath(new URL('../../examples/demo/demo.ts', import.meta.url))
const run = promisify(execFile)

const test = suite('the demo')

interface Report {
  islands: { name: string; peerId: string; url: string }[]
  datasets: { id: string; rows: number; holders: string[] }[]
  task: {
    id: string
    askedAt: string
    ranAt: string
    state: string
    columns: string[]
    rows: unknown[][]
    elapsedMs: number
    explain: { name: string; chosen: boolean }[]
  }
}

test(
  'three processes, two catalogues, one question answered where the data are, one JSON object, and nothing left behind',
  async (t) => {
    // Its own place for temporary files: another test may run the demo at the same moment.
    const TMPDIR = await t.tmpdir()
    const env = { ...process.env, TMPDIR }
    const { stdout } = await run(process.execPath, [DEMO, '--once', '--json'], { env, signal: t.signal })
    const report = JSON.parse(stdout) as Report
    assert.equal(
      report.islands.map((i) => i.name),
      ['observatory', 'institute', 'university'],
    )
    assert.is(new Set(report.islands.map((i) => i.peerId)).size, 3)
    const rows = Object.fromEntries(report.datasets.map((d) => [d.id.split('/').at(-1), [d.rows, d.holders]]))
    assert.equal(rows, { bright_stars: [9096, ['observatory']], openngc: [13_969, ['institute']] })
    assert.is(report.task.state, 'succeeded')
    assert.is(report.task.askedAt, 'university')
    assert.is(report.task.ranAt, 'observatory')
    assert.equal(report.task.rows[0], ['Canopus', 'Car', -0.72])
    assert.equal(
      report.task.explain.filter((e) => e.chosen).map((e) => e.name),
      ['observatory'],
    )
    for (const island of report.islands) {
      const answer = await fetch(`${island.url}/healthz`).then(
        () => 'answers',
        () => 'gone',
      )
      assert.is(answer, 'gone', `${island.name} was stopped`)
    }
    assert.equal(readdirSync(TMPDIR), [], 'nothing is left')
  },
  { timeoutMs: 120_000 },
)

test('a wrong argument is refused before anything starts', async () => {
  const error = await run(process.execPath, [DEMO, '--twice']).then(
    () => undefined,
    (e: { code: number; stderr: string }) => e,
  )
  assert.is(error?.code, 2)
  assert.match(error?.stderr ?? '', /--twice/)
})

test.run()
