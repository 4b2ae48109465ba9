/** `actions`, and the options of `run` for Spark, each as a process, against a web service whose tasks are scripted. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ActionView, SubmitRequest } from '../../src/protocols/model/views.ts'
import { suite } from '../kit/index.ts'
import { SELF } from '../web/fake-island.ts'
import { daemonDir } from './harness.ts'

const test = suite('cli: actions and Spark')

test(
  'an action is saved, listed, shown, run with values read by their types, shared and removed',
  async (t) => {
    const { run, island, dir } = await daemonDir(t)
    island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows: [['Vega', 0.03]] })
    const file = join(dir, 'q.sql')
    await writeFile(file, 'SELECT * FROM stars WHERE name = $name LIMIT $limit')
    const made = await run([
      ...['actions', 'save', 'find', file, '--description', 'Finds stars', '--timeout', '2m'],
      ...['--param', 'limit:integer=5', '--param', 'name:text', '--describe', 'name=as in the catalogue'],
    ])
    assert.equal([made.code, made.stdout], [0, `archipel:${SELF.id}/find\n`], made.stderr)
    const list = await run(['actions', 'list', 'finds'])
    assert.match(list.stdout, /find\s+sql\s+limit:integer=5 name:text\s+garching\s+no\s+Finds stars/)
    const shown = JSON.parse((await run(['actions', 'show', 'find', '--json'])).stdout) as ActionView
    assert.equal(shown.params, {
      limit: { type: 'integer', default: 5 },
      name: { type: 'text', description: 'as in the catalogue' },
    })
    const done = await run(['actions', 'run', 'find', '--param', 'name=007', '--param', 'limit=3', '--csv'])
    assert.equal([done.code, done.stdout.split('\n')[1]], [0, 'Vega,0.03'], done.stderr)
    const sent = island.calls.findLast((c) => c.name === 'actions.run')
    assert.is(sent?.argument, shown.id)
    const task = island.fake.view(island.fake.ids.at(-1)!)
    assert.equal([task.params, task.name], [{ limit: 3, name: '007' }, 'find'])
    for (const args of [
      ['run', 'find'],
      ['run', 'find', '--param', 'name=x', '--param', 'limit=many'],
      ['run', 'find', '--param', 'name=x', '--param', 'colour=red'],
      ['run', 'find', '--param', 'name=x', '--dry-run'],
      ['save', 'find', file, '--param', 'limit=5'],
      ['save', 'a b', file],
    ])
      assert.is((await run(['actions', ...args])).code, 2, args.join(' '))
    assert.is((await run(['actions', 'show', 'nothing'])).code, 4)
    assert.is((await run(['actions', 'share', 'find'])).code, 0)
    assert.match((await run(['actions', 'show', 'find'])).stdout, /^shared {4}2/m)
    assert.equal((await run(['actions', 'remove', 'find', '--quiet'])).stdout, `archipel:${SELF.id}/find\n`)
    assert.match((await run(['actions', 'list'])).stderr, 'no actions')
  },
  { timeoutMs: 180_000 },
)

test(
  'run uploads a JAR and sends Livy’s parameters of batches by their names',
  async (t) => {
    const { run, island, dir } = await daemonDir(t)
    island.fake.onSubmit = ({ id }) => island.fake.succeed(id, {})
    const jar = join(dir, 'my job.jar')
    await writeFile(jar, 'bytes')
    const done = await run([
      ...['run', jar, '--class', 'org.example.Job', '--arg', 'one', '--arg', 'two', '--name', 'nightly'],
      ...['--jars', 'hdfs:///a.jar', '--jars', 'hdfs:///b.jar', '--py-files', 's3a://x/c.py', '--files', 'file:///d'],
      ...['--archives', 'e.zip', '--driver-memory', '1g', '--driver-cores', '2', '--executor-memory', '4g'],
      ...['--executor-cores', '3', '--num-executors', '5', '--queue', 'night', '--conf', 'spark.x=y=z'],
      ...['--proxy-user', 'ana'],
    ])
    assert.is(done.code, 0, done.stderr)
    const sent = () => island.calls.findLast((c) => c.name === 'tasks.submit')!.argument as SubmitRequest
    const { batch, spark, kind, code } = sent()
    assert.equal([kind, code], ['jar', ''])
    const sha256 = createHash('sha256').update('bytes').digest('hex')
    const main = { name: 'my_job.jar', sha256, bytes: 5 }
    assert.equal(batch, { className: 'org.example.Job', args: ['one', 'two'], main })
    assert.equal(spark, {
      name: 'nightly',
      jars: ['hdfs:///a.jar', 'hdfs:///b.jar'],
      pyFiles: ['s3a://x/c.py'],
      files: ['file:///d'],
      archives: ['e.zip'],
      driverMemory: '1g',
      driverCores: 2,
      executorMemory: '4g',
      executorCores: 3,
      numExecutors: 5,
      queue: 'night',
      conf: { 'spark.x': 'y=z' },
      proxyUser: 'ana',
    })
    await writeFile(join(dir, 'a.scala'), '1 + 1')
    await run(['run', join(dir, 'a.scala'), '--engine', 'livy'])
    const scala = sent()
    assert.equal([scala.kind, scala.engine, scala.batch], ['scala', 'livy', undefined])
    for (const args of [
      ['run', join(dir, 'a.scala'), '--arg', 'x'],
      ['run', jar, '--conf', 'x'],
      ['run', jar, '--num-executors', 'many'],
      ['run', '-', '--kind', 'jar'],
      ['run', join(dir, 'missing.jar')],
      ['run', dir, '--kind', 'jar'],
    ])
      assert.is((await run(args, { stdin: '1' })).code, 2, args.join(' '))
  },
  { timeoutMs: 180_000 },
)

test.run()
