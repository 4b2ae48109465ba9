import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LivyBatch, LivySession, LivyStatement } from '../../src/protocols/livy/objects.ts'
import { eventually, suite } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'
import { AT_SITE, type LivyIslands, livyIslands, session } from './gateway.ts'

const test = suite('Spark at another island, through the Livy endpoint')
let livy: TestLivy
let world: LivyIslands
let files: string

test.before(
  async (t) => {
    files = await t.tmpdir()
    livy = await startLivy(t, { dataDirs: [files] })
    world = await livyIslands(t, livy)
  },
  { timeoutMs: LIVY_START_MS },
)

/** Says in a file each time that it runs, then takes its time. */
const noted = (name: string, seconds: number) =>
  `import time\nwith open(${JSON.stringify(join(files, name))}, "a") as f: print("ran", file=f)\ntime.sleep(${seconds})\n`
const runs = async (name: string) =>
  (await readFile(join(files, name), 'utf8').catch(() => '')).split('\n').filter((line) => line === 'ran').length

test(
  'kill -9 of the asking island, of the site, of Livy, in turn, while a statement and a batch run: nothing runs twice',
  async (t) => {
    const { fleet, asker, site, rest } = world
    const { id } = await session(world, { name: 'night' })
    assert.is(id, 0)
    await rest.ok('POST', '/sessions/0/statements', { code: '40 + 2' })
    const { output } = await rest.statement(0, 0)
    assert.equal(output?.status === 'ok' && output.data, { 'text/plain': '42' })

    const job = join(files, 'job.py')
    await writeFile(job, noted('batch', 45))
    const batch = await rest.ok<LivyBatch>('POST', '/batches', { file: job, conf: AT_SITE })
    await eventually(async () => (await runs('batch')) === 1, { timeoutMs: 120_000, signal: t.signal })

    for (const [turn, victim] of [asker, site].entries()) {
      const name = `turn-${turn}`
      const { id: n } = await rest.ok<LivyStatement>('POST', '/sessions/0/statements', {
        code: `${noted(name, 8)}\n"${name}"`,
      })
      await eventually(async () => (await runs(name)) === 1, { timeoutMs: 60_000, signal: t.signal })
      await fleet.stop(victim, 'SIGKILL')
      await fleet.up(victim)
      const done = await rest.statement(0, n, 120_000)
      assert.equal(done.output?.status === 'ok' && done.output.data, { 'text/plain': `'${name}'` })
      assert.is(await runs(name), 1)
      assert.is((await rest.ok<LivySession>('GET', '/sessions/night')).id, 0, 'numbers stay')
    }
    const all = await rest.ok<{ statements: LivyStatement[] }>('GET', '/sessions/0/statements')
    assert.equal(
      all.statements.map((s) => [s.id, s.state]),
      [
        [0, 'available'],
        [1, 'available'],
        [2, 'available'],
      ],
    )
    await eventually(
      async () => {
        const { state } = await rest.ok<LivyBatch>('GET', `/batches/${batch.id}`)
        if (state !== 'success') throw new Error(state)
      },
      { timeoutMs: 120_000, signal: t.signal },
    )
    assert.is(await runs('batch'), 1)

    const { id: last } = await rest.ok<LivyStatement>('POST', '/sessions/0/statements', { code: noted('livy', 60) })
    await eventually(async () => (await runs('livy')) === 1, { timeoutMs: 60_000, signal: t.signal })
    await livy.killAll()
    await livy.restart()
    const dead = await rest.session(0, 'dead', 120_000)
    assert.ok(dead.log.length > 0)
    const gone = await rest.ask('GET', `/sessions/0/statements/${last}`)
    assert.equal(gone, { status: 500, body: 'java.lang.IllegalStateException: Session is in state dead' })
    assert.is((await rest.statement(0, 2)).state, 'available', 'the results that had come are there')
    assert.is(await runs('livy'), 1)
    const next = await session(world)
    assert.ok(next.id > 0)
    await rest.ok('DELETE', `/sessions/${next.id}`)
    await eventually(() => livy.drivers().length === 0, { timeoutMs: 60_000, signal: t.signal })
  },
  { timeoutMs: 900_000 },
)

test.run()
