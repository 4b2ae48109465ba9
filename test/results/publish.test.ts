import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type DatasetsComponents, datasets } from '../../src/node/datasets/datasets.ts'
import { levelPublications } from '../../src/node/datasets/level-publications.ts'
import { tableExporter } from '../../src/node/results/exporter.ts'
import type { SpoolPort } from '../../src/node/results/port.ts'
import { resultPublisher } from '../../src/node/results/publish-result.ts'
import { openStore } from '../../src/node/store/store.ts'
import { type DatasetBody, datasetBody } from '../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { ISLAND, makePublisher } from '../publish/kit.ts'
import { database } from './all-types.ts'
import { KEY, silent, spoolIn, writeTable } from './kit.ts'

const test = suite('results become datasets')
const never = new AbortController().signal
const OTHER = `isl${'b'.repeat(32)}`

function taskView(change: Partial<TaskView> = {}): TaskView {
  return {
    id: KEY.task,
    kind: 'sql',
    user: 'owner',
    state: 'succeeded',
    code: 'SELECT * FROM stars',
    codeSha256: '12'.repeat(32),
    params: { limit: 3 },
    datasets: [
      { table: 'stars', id: `archipel:${OTHER}/stars`, publisher: OTHER, version: 'cd'.repeat(32) },
      { table: 'again', id: `archipel:${OTHER}/stars`, publisher: OTHER, version: 'cd'.repeat(32) },
    ],
    askedAt: { island: ISLAND, name: 'Strasbourg', time: '2026-01-02T03:04:05.000Z' },
    ranAt: { island: OTHER, name: 'Lyon' },
    attempts: [],
    explain: [],
    logBytes: 0,
    atMostOnce: false,
    cancelRequested: false,
    publish: { id: 'bright', title: 'Bright stars', keywords: ['stars'], licence: 'CC0-1.0' },
    started: '2026-01-02T03:04:06.000Z',
    ended: '2026-01-02T03:04:09.000Z',
    elapsedMs: 4000,
    from: { island: ISLAND, name: 'Strasbourg', role: 'requester' },
    ...change,
  }
}

/** The publishing of an island, on its real store; its log of records is a map. */
async function island(t: TestContext, change: { append?: DatasetsComponents['append'] } = {}) {
  const dir = await t.tmpdir()
  const store = await openStore({ directory: join(dir, 'store') })
  t.cleanup(() => store.close())
  const { port: publisher } = await makePublisher(t)
  const records = new Map<string, unknown>()
  const own = async (kind: string, id: string) => records.get(`${kind} ${id}`)
  const publications = levelPublications(store)
  const appended: string[] = []
  const append: DatasetsComponents['append'] = async (list) => {
    await change.append?.(list)
    for (const { kind, id, body } of list) {
      appended.push(`${kind} ${id}`)
      if (body === undefined) records.delete(`${kind} ${id}`)
      else records.set(`${kind} ${id}`, JSON.parse(JSON.stringify(body)))
    }
  }
  const port = datasets(
    { self: ISLAND, watchMs: 3_600_000 },
    {
      publisher,
      store: publications,
      ownReplicas: async function* () {},
      own,
      append,
      policy: { check: () => {} },
      journal: { write: () => {}, read: async () => ({ items: [] }) },
      onChange: () => {},
      logger: silent as never,
    },
  )
  await port.start()
  t.cleanup(() => port.stop())
  const spool = spoolIn(join(dir, 'results'))
  const published = join(dir, 'published')
  const results = resultPublisher(
    { dir: published, self: ISLAND, software: 'archipel test' },
    {
      spool,
      exporter: tableExporter({ createdBy: 'archipel test' }),
      publish: (request, options) => port.publish(request, options),
      own: async (id) => records.get(`dataset ${id}`) as DatasetBody | undefined,
      owned: async function* () {
        for (const [key, body] of records) if (key.startsWith('dataset ')) yield body as DatasetBody
      },
      sources: async () => {
        const ids = await publications.ids()
        const all = await Promise.all(ids.map((id) => publications.get(id)))
        return all.flatMap((p) => p?.source.map((file) => file.local) ?? [])
      },
      logger: silent,
    },
  )
  const body = (id: string) => datasetBody.parse(records.get(`dataset ${id}`))
  return { port, spool, results, published, records, appended, body }
}

async function writeFiles(spool: SpoolPort, files: Record<string, Uint8Array>): Promise<void> {
  const writer = await spool.write(KEY)
  for (const [name, bytes] of Object.entries(files)) await writer.item(name, 'application/octet-stream', bytes)
  await writer.finish(1)
}

const ID = `archipel:${ISLAND}/bright`

test('a table becomes a Parquet dataset with its provenance, which SQL reads', async (t) => {
  const { port, spool, results, published, body } = await island(t)
  await writeTable(spool, 2500)
  const { id, version } = await results.publish(taskView(), KEY, { signal: never })
  assert.is(id, ID)
  const dataset = body(ID)
  assert.is(dataset.version, version)
  assert.is(dataset.format, 'parquet')
  assert.is(dataset.rows, 2500)
  assert.is(dataset.name, 'bright')
  assert.is(dataset.title, 'Bright stars')
  assert.is(dataset.licence, 'CC0-1.0')
  assert.equal(
    dataset.columns!.map((c) => [c.name, c.type]),
    [
      ['n', 'BIGINT'],
      ['text', 'VARCHAR'],
    ],
  )
  assert.equal(dataset.provenance, {
    task: KEY.task,
    kind: 'sql',
    code: 'SELECT * FROM stars',
    codeSha256: '12'.repeat(32),
    params: { limit: 3 },
    inputs: [{ id: `archipel:${OTHER}/stars`, publisher: OTHER, version: 'cd'.repeat(32) }],
    island: { id: OTHER, name: 'Lyon' },
    user: 'owner',
    started: '2026-01-02T03:04:06.000Z',
    ended: '2026-01-02T03:04:09.000Z',
    software: 'archipel test',
  })
  assert.equal(await readdir(published), [`bright-${KEY.task}.parquet`])
  const table = { table: 'b', id: ID, publisher: ISLAND, version }
  const [bound] = await port.bind([table])
  const db = await database()
  t.cleanup(() => db.close())
  assert.equal(await db.rows(`SELECT count(*), max(n) FROM '${bound!.paths[0]}'`), [[2500, 2499]])
})

test('a task that is about to succeed can be published; its times are those of the attempt that counts', async (t) => {
  const { spool, results, body } = await island(t)
  await writeTable(spool, 10)
  const attempt = { number: 1, island: OTHER, name: 'Lyon', state: 'succeeded' as const }
  const times = { started: '2026-01-02T03:05:00.000Z', ended: '2026-01-02T03:05:01.000Z' }
  const lost = { ...attempt, number: 2, state: 'lost' as const, started: '2026-01-02T03:04:00.000Z' }
  const view = taskView({ state: 'running', ended: undefined, attempts: [lost, { ...attempt, ...times }] })
  await results.publish(view, KEY, { signal: never })
  const { started, ended } = body(ID).provenance!
  assert.equal({ started, ended }, times)
})

test('the same task again is the same dataset, also at the same moment, and when its result is gone', async (t) => {
  const { spool, results, appended } = await island(t)
  await writeTable(spool, 10)
  const both = await Promise.all([1, 2].map(() => results.publish(taskView(), KEY, { signal: never })))
  assert.equal(both[0], both[1])
  await spool.remove(KEY)
  assert.equal(await results.publish(taskView(), KEY, { signal: never }), both[0])
  assert.is(appended.filter((what) => what === `dataset ${ID}`).length, 1)
})

test('an interruption before the record leaves nothing, one after it changes nothing', async (t) => {
  let broken = true
  const first = await island(t, {
    append: async () => {
      if (broken) throw new ArchipelError('RECOVERING', 'not now')
    },
  })
  await writeTable(first.spool, 10)
  await rejects(first.results.publish(taskView(), KEY, { signal: never }), 'RECOVERING')
  assert.equal(await readdir(first.published), [])
  broken = false
  const done = await first.results.publish(taskView(), KEY, { signal: never })
  assert.is(done.version, first.body(ID).version)

  // A crash left a file and half of another; the same task writes over them.
  const second = await island(t)
  await writeTable(second.spool, 10)
  await mkdir(second.published)
  await writeFile(join(second.published, `bright-${KEY.task}.parquet`), 'half')
  await writeFile(join(second.published, `bright-${KEY.task}.parquet.tmp`), 'half')
  await second.results.publish(taskView(), KEY, { signal: never })
  assert.equal(await readdir(second.published), [`bright-${KEY.task}.parquet`])
  await writeFile(join(second.published, 'x.parquet.tmp'), 'half')
  await second.results.start()
  assert.equal(await readdir(second.published), [`bright-${KEY.task}.parquet`])
})

test('files of a program become a dataset of files, under their names', async (t) => {
  const { spool, results, published, body } = await island(t)
  await writeFiles(spool, {
    'figure-1.png': Buffer.from('png'),
    'out/a.dat': Buffer.from('a'),
    'out/b/ü.dat': Buffer.from('b'),
  })
  await results.publish(taskView({ kind: 'python', publish: { id: 'doi:10.5072/X' } }), KEY, { signal: never })
  const dataset = body('doi:10.5072/x')
  assert.is(dataset.format, 'files')
  assert.is(dataset.files, 3)
  assert.is(dataset.provenance!.kind, 'python')
  const folder = join(published, `x-${KEY.task}`)
  assert.is(await readFile(join(folder, 'out', 'b', 'ü.dat'), 'utf8'), 'b')
})

test('a table that a program wrote as a file is a table; one that is broken is a file', async (t) => {
  const good = await island(t)
  await writeFiles(good.spool, { 'out.csv': Buffer.from('a,b\n1,2\n3,4\n') })
  await good.results.publish(taskView(), KEY, { signal: never })
  assert.is(good.body(ID).format, 'csv')
  assert.is(good.body(ID).rows, 2)
  const bad = await island(t)
  await writeFiles(bad.spool, { 'out.parquet': Buffer.from('not parquet') })
  await bad.results.publish(taskView(), KEY, { signal: never })
  assert.is(bad.body(ID).format, 'files')
})

test('unpublished, its data go; those of others and of nobody known stay as they should', async (t) => {
  const { port, spool, results, published } = await island(t)
  const other = { task: KEY.task.replace('m1', 'n2'), attempt: 1 }
  await writeTable(spool, 10)
  await writeTable(spool, 20, other)
  await results.publish(taskView(), KEY, { signal: never })
  await results.publish(taskView({ id: other.task, publish: { id: 'second' } }), other, { signal: never })
  await results.sweep()
  assert.is((await readdir(published)).length, 2)
  await port.unpublish(ID)
  await results.sweep()
  assert.equal(await readdir(published), [`second-${other.task}.parquet`])
  await port.unpublish(`archipel:${ISLAND}/second`)
  await results.sweep()
  assert.equal(await readdir(published), [])
})

test('data of a dataset whose files the store has forgotten are kept', async (t) => {
  const { spool, results, published, records } = await island(t)
  await writeTable(spool, 10)
  await results.publish(taskView(), KEY, { signal: never })
  const lost = resultPublisher(
    { dir: published, self: ISLAND, software: 'archipel test' },
    {
      spool,
      exporter: tableExporter({ createdBy: 'archipel test' }),
      publish: async () => '',
      own: async () => undefined,
      owned: async function* () {
        for (const [key, body] of records) if (key.startsWith('dataset ')) yield body as DatasetBody
      },
      sources: async () => [],
      logger: silent,
    },
  )
  await lost.start()
  await lost.sweep()
  assert.is((await readdir(published)).length, 1)
})

test('what cannot be published says why, and leaves no file', async (t) => {
  const { port, spool, results, published } = await island(t)
  const publish = (change: Partial<TaskView>) => results.publish(taskView(change), KEY, { signal: never })
  await rejects(publish({}), 'TASK_STATE')
  await writeTable(spool, 10)
  await rejects(publish({ state: 'failed' }), 'TASK_STATE')
  await rejects(publish({ state: 'cancelled' }), 'TASK_STATE')
  await rejects(publish({ publish: undefined }), 'BAD_INPUT')
  await rejects(publish({ publish: { id: 'no such scheme:x' } }), 'BAD_ID')
  await rejects(publish({ publish: { id: `archipel:${OTHER}/x` } }), 'BAD_ID')
  await rejects(results.check('../x'), 'BAD_ID')
  await results.check('bright')

  const file = join(await t.tmpdir(), 'bright.csv')
  await writeFile(file, 'a\n1\n')
  await port.publish({ path: file }, {})
  const { hint } = await rejects(results.check('bright'), 'DATASET_EXISTS')
  assert.match(hint, /another id.*archipel unpublish archipel:/)
  assert.not.match(hint, '--id')
  await rejects(publish({}), 'DATASET_EXISTS')

  const cut = await spool.write(KEY)
  await cut.table([{ name: 'a', type: 'INTEGER' }])
  await cut.rows([[1]])
  cut.cut()
  await cut.finish(1)
  await rejects(publish({ publish: { id: 'cut' } }), 'RESULT_LIMIT')
  await (await spool.write(KEY)).finish(1)
  await rejects(publish({ publish: { id: 'nothing' } }), 'TASK_STATE')
  await writeFiles(spool, { a: Buffer.from('a'), 'a/b': Buffer.from('b') })
  await rejects(publish({ publish: { id: 'twisted' } }), 'BAD_INPUT')
  assert.ok(!existsSync(published) || (await readdir(published)).length === 0)
})

test('long code leaves its hash only; a task that was cancelled meanwhile publishes nothing', async (t) => {
  const { spool, results, published, body } = await island(t)
  await writeTable(spool, 10)
  const aborted = AbortSignal.abort()
  await rejects(results.publish(taskView(), KEY, { signal: aborted }), 'CANCELLED')
  assert.equal(await readdir(published), [])
  const params = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`p${i}`, 'x'.repeat(1000)]))
  await results.publish(taskView({ code: '-'.repeat(100_000), params }), KEY, { signal: never })
  const { provenance } = body(ID)
  assert.is(provenance!.code, undefined)
  assert.is(provenance!.params, undefined)
  assert.is(provenance!.codeSha256, '12'.repeat(32))
})

test('an empty table is published, too', async (t) => {
  const { spool, results, body } = await island(t)
  await writeTable(spool, 0)
  await results.publish(taskView(), KEY, { signal: never })
  assert.is(body(ID).rows, 0)
})

test.run()
