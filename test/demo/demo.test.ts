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
    explain: { name: string; chosen: boolean; seconds?: number; terms?: { name: string }[]; excluded?: boolean }[]
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
    const [chosen, ...others] = report.task.explain
    assert.ok((chosen?.terms?.length ?? 0) > 1 && chosen?.seconds !== undefined, 'the cost is told by its terms')
    assert.ok(others.length === 2 && others.every((e) => e.excluded), 'the others are told, too')
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

test(
  'the explanation is printed for people',
  async (t) => {
    const TMPDIR = await t.tmpdir()
    const { stdout } = await run(process.execPath, [DEMO, '--once'], {
      env: { ...process.env, TMPDIR },
      signal: t.signal,
    })
    assert.match(stdout, /^ +island +cost +.*queue wait/m)
    assert.match(stdout, /^ +observatory +\d+ ms .* chosen: holds the data/m)
    assert.match(stdout, /^ +institute +- .* not chosen: does not hold/m)
  },
  { timeoutMs: 120_000 },
)

interface Failover {
  islands: { name: string; url: string }[]
  killed: string
  task: {
    state: string
    ranAt: string
    columns: string[]
    rows: unknown[][]
    attempts: { number: number; island: string; state: string; error?: { code: string } }[]
  }
}

test(
  'with --failover the island that runs a task is killed, and the one result comes from the other holder',
  async (t) => {
    const TMPDIR = await t.tmpdir()
    const env = { ...process.env, TMPDIR }
    const { stdout } = await run(process.execPath, [DEMO, '--failover', '--once', '--json'], { env, signal: t.signal })
    const { killed, task, islands } = JSON.parse(stdout) as Failover
    assert.ok(['observatory', 'institute'].includes(killed), killed)
    assert.is(task.state, 'succeeded')
    assert.is(task.ranAt, killed === 'observatory' ? 'institute' : 'observatory')
    assert.equal(task.columns, ['constellation', 'close_pairs'])
    assert.is(task.rows.length, 5)
    const lost = task.attempts.find((a) => a.island === killed)
    assert.equal([lost?.state, lost?.error?.code], ['lost', 'LEASE_EXPIRED'])
    assert.equal(
      task.attempts.filter((a) => a.state === 'succeeded').map((a) => a.number),
      [task.attempts.length],
      'only the last attempt counts',
    )
    for (const island of islands) {
      const answer = await fetch(`${island.url}/healthz`).then(
        () => 'answers',
        () => 'gone',
      )
      assert.is(answer, 'gone', `${island.name} was stopped`)
    }
    assert.equal(readdirSync(TMPDIR), [], 'nothing is left')
  },
  { timeoutMs: 180_000 },
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
