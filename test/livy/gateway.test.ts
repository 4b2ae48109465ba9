import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { assemble } from '../../docker/livy/assemble.ts'
import type { LivyBatch, LivySession, LivyStatement } from '../../src/protocols/livy/objects.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
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

/** How many lines a file of this name has: programs add one each time that they run. */
const runs = async (name: string) =>
  (await readFile(join(files, name), 'utf8').catch(() => '')).split('\n').filter((line) => line === 'ran').length

/** What it waits for goes on. */
const release = (name: string) => writeFile(join(files, `${name}.go`), '')

/** Code that says that it runs, waits until it is released, and gives its name. */
const CODE = {
  pyspark: (name: string) => `import os, time
with open(${JSON.stringify(join(files, name))}, "a") as f: print("ran", file=f)
while not os.path.exists(${JSON.stringify(join(files, `${name}.go`))}): time.sleep(0.05)
"${name}"`,
  spark: (name: string) => `val writer = new java.io.FileWriter(${JSON.stringify(join(files, name))}, true)
writer.write("ran\\n"); writer.close()
while (!new java.io.File(${JSON.stringify(join(files, `${name}.go`))}).exists) Thread.sleep(50)
"${name}"`,
}

/** A JAR with a main class, which every Spark has: it runs the Scala that it is given. */
async function scalaRunner(t: TestContext): Promise<{ file: string; className: string; args: string[] }> {
  const jars = join((await assemble({ signal: t.signal })).sparkHome, 'jars')
  const name = (await readdir(jars)).find((file) => file.startsWith('scala-compiler-'))!
  const file = join(files, name)
  await copyFile(join(jars, name), file)
  const args = ['-usejavacp', '-nc', '-e', CODE.spark('jar')]
  return { file, className: 'scala.tools.nsc.MainGenericRunner', args }
}

test(
  'kill -9 of the asking island, of the site, of Livy, in turn, while statements and batches run: nothing runs twice',
  async (t) => {
    const { fleet, asker, site, rest } = world
    const { id } = await session(world, { name: 'night' })
    assert.is(id, 0)
    const submitted = async (kind: keyof typeof CODE, name: string) =>
      (await rest.ok<LivyStatement>('POST', '/sessions/0/statements', { kind, code: CODE[kind](name) })).id
    await rest.ok('POST', '/sessions/0/statements', { code: '40 + 2' })
    const { output } = await rest.statement(0, 0)
    assert.equal(output?.status === 'ok' && output.data, { 'text/plain': '42' })

    const job = join(files, 'job.py')
    await writeFile(job, CODE.pyspark('python'))
    const batches: number[] = []
    for (const request of [{ file: job }, await scalaRunner(t)])
      batches.push((await rest.ok<LivyBatch>('POST', '/batches', { ...request, conf: AT_SITE })).id)
    const begun = async () => (await runs('python')) === 1 && (await runs('jar')) === 1
    await eventually(begun, { timeoutMs: 180_000, signal: t.signal })

    const turns = [
      { victim: asker, running: 'spark', queued: 'pyspark' },
      { victim: site, running: 'pyspark', queued: 'spark' },
      { victim: site, running: 'spark', queued: 'pyspark' },
      { victim: asker, running: 'pyspark', queued: 'spark' },
    ] as const
    for (const [turn, { victim, running, queued }] of turns.entries()) {
      const works = [
        [running, `turn-${turn}`],
        [queued, `queued-${turn}`],
      ] as const
      const ids: number[] = []
      for (const [kind, name] of works) ids.push(await submitted(kind, name))
      await eventually(async () => (await runs(works[0][1])) === 1, { timeoutMs: 60_000, signal: t.signal })
      await fleet.stop(victim, 'SIGKILL')
      await fleet.up(victim)
      for (const [, name] of works) await release(name)
      for (const [at, [kind, name]] of works.entries()) {
        const { output: given } = await rest.statement(0, ids[at]!, 120_000)
        const text = given?.status === 'ok' ? String(given.data['text/plain']) : JSON.stringify(given)
        if (kind === 'pyspark') assert.is(text, `'${name}'`)
        else assert.match(text, `String = ${name}\n`)
        assert.is(await runs(name), 1, name)
      }
      assert.is((await rest.ok<LivySession>('GET', '/sessions/night')).id, 0, 'numbers stay')
    }
    const all = await rest.ok<{ statements: LivyStatement[] }>('GET', '/sessions/0/statements')
    assert.equal(
      all.statements.map((s) => [s.id, s.state]),
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => [n, 'available']),
    )
    for (const name of ['python', 'jar']) await release(name)
    for (const batch of batches)
      await eventually(async () => assert.is((await rest.ok<LivyBatch>('GET', `/batches/${batch}`)).state, 'success'), {
        timeoutMs: 120_000,
        signal: t.signal,
      })
    assert.equal([await runs('python'), await runs('jar')], [1, 1])

    const last = await submitted('spark', 'livy')
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
