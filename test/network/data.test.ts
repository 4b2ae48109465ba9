import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import type { IslandEvent } from '../../src/protocols/model/views.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { Fleet, type FleetIsland } from './fleet.ts'

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const NGC = fileURLToPath(new URL('../../examples/data/openngc.csv', import.meta.url))
const LONG = { timeoutMs: 180_000 }

const test = suite('data: resolution, stale files, ambiguity, refusals')

async function table(island: FleetIsland, name: string, text = 'a,b\n1,2\n'): Promise<string> {
  const path = join(island.files, `${name}.csv`)
  await writeFile(path, text)
  return path
}

test(
  'a dataset is found by the catalog alone, by the DHT alone, and by an island whose catalog is empty',
  async (t) => {
    const fleet = await Fleet.create(t)
    const hub = await fleet.found('hub')
    const holder = await fleet.join('holder', hub)
    const noDht = await fleet.join('no-dht', hub, { set: ['network.dhtEnabled=false'] })
    const thin = await fleet.join('thin', hub, { set: ['catalog.enabled=false'] })
    await fleet.run(holder, [
      'publish',
      NGC,
      '--id',
      'doi:10.1234/NGC',
      '--alias',
      'ivo://Example/NGC',
      '--name',
      'openngc',
    ])
    await fleet.converged([hub, holder, noDht], { datasets: 1 })
    const byCatalog = await noDht.client().resolve({ ref: 'https://doi.org/10.1234/ngc', via: 'catalog' })
    assert.equal(
      byCatalog.holders.map((h) => [h.name, h.via, h.confirmed, h.state]),
      [['holder', ['catalog'], true, 'available']],
    )
    await rejects(noDht.client().resolve({ ref: 'doi:10.1234/ngc', via: 'dht' }), 'DATASET_NOT_FOUND')

    assert.is((await thin.client().datasets({})).total, 0, 'nothing is in the thin island’s catalog')
    const found = await eventually(async () => thin.client().resolve({ ref: 'DOI:10.1234/NGC' }), {
      timeoutMs: 60_000,
      signal: t.signal,
    })
    assert.equal(
      found.holders.map((h) => [h.name, h.via, h.confirmed]),
      [['holder', ['dht'], true]],
    )
    const byName = await rejects(thin.client().resolve({ ref: 'openngc' }), 'BAD_ID')
    assert.match(byName.message, 'the DHT knows ids only, not the short name openngc')
    await rejects(thin.client().resolve({ ref: 'doi:10.1234/nothing' }), 'DATASET_NOT_FOUND')
    assert.not.match((await thin.client().status()).findings.map((f) => f.code).join(), 'RECOVERING')
    const byAlias = await eventually(async () => thin.client().resolve({ ref: 'ivo://example/ngc', via: 'dht' }), {
      timeoutMs: 60_000,
      signal: t.signal,
    })
    assert.is(byAlias.holders[0]!.name, 'holder')
    const answer = await thin.client().sql({ sql: 'SELECT count(*) AS n FROM "doi:10.1234/NGC"' })
    assert.is(Number(answer.result.rows[0]![0]), 13_969)
    assert.is(answer.ranAt?.name, 'holder')
    const both = await eventually(
      async () => {
        const answer = await hub.client().resolve({ ref: 'ivo://EXAMPLE/ngc' })
        assert.equal(
          answer.holders.map((h) => [h.name, h.via, h.confirmed]),
          [['holder', ['catalog', 'dht'], true]],
        )
        return answer
      },
      { timeoutMs: 30_000, signal: t.signal },
    )
    assert.ok(both.aliases.includes('doi:10.1234/ngc'), 'the alias led to the id')
  },
  LONG,
)

test(
  'a file that changes after publishing is never served under the old version',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one)
    const path = await table(one, 'moving')
    await fleet.run(one, ['publish', path, '--name', 'moving'])
    await fleet.converged([one, two], { datasets: 1 })
    assert.equal((await two.client().sql({ sql: 'SELECT * FROM moving' })).result.rows, [[1, 2]])
    const before = await readFile(path)
    await appendFile(path, '3,4\n')
    await rejects(two.client().sql({ sql: 'SELECT * FROM moving' }), 'STALE')
    await rejects(one.client().sql({ sql: 'SELECT * FROM moving' }), 'STALE')
    await eventually(async () => (await two.client().dataset('moving')).holders[0]?.state === 'stale', {
      timeoutMs: 15_000,
      signal: t.signal,
    })
    assert.ok(
      (await one.client().status()).findings.some((f) => f.code === 'STALE'),
      'status says so',
    )
    await writeFile(path, before)
    const again = await eventually(async () => two.client().sql({ sql: 'SELECT * FROM moving' }), {
      timeoutMs: 15_000,
      signal: t.signal,
    })
    assert.is(again.result.rowCount, 1)
    await appendFile(path, '3,4\n')
    await fleet.run(one, ['publish', path, '--name', 'moving'])
    await eventually(async () => (await two.client().sql({ sql: 'SELECT * FROM moving' })).result.rowCount === 2, {
      timeoutMs: 15_000,
      signal: t.signal,
    })
  },
  LONG,
)

test(
  'CSV with other separators, compressed CSV, JSON lines and folders of them are asked like any table',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const put = async (file: string, bytes: string | Uint8Array) => {
      await mkdir(dirname(join(one.files, file)), { recursive: true })
      await writeFile(join(one.files, file), bytes)
      return join(one.files, file)
    }
    await fleet.run(one, ['publish', await put('tabs.tsv', 'name\tmag\nVega\t0.03\nSirius\t-1.46\n'), '--name', 'tabs'])
    await fleet.run(one, [
      'publish',
      await put('packed.csv.gz', gzipSync('name,mag\nVega,0.03\nSirius,-1.46\n')),
      '--name',
      'packed',
    ])
    await fleet.run(one, [
      'publish',
      await put('lines.jsonl', '{"name":"Vega","mag":0.03}\n{"name":"Sirius","mag":-1.46}\n'),
      '--name',
      'lines',
    ])
    await put('many/a.csv', 'name,mag\nVega,0.03\n')
    await put('many/b.csv', 'name,mag\nSirius,-1.46\n')
    await fleet.run(one, ['publish', join(one.files, 'many'), '--name', 'many'])
    for (const name of ['tabs', 'packed', 'lines', 'many']) {
      const { result } = await one.client().sql({ sql: `SELECT name, mag FROM ${name} ORDER BY mag` })
      assert.equal(
        result.rows,
        [
          ['Sirius', -1.46],
          ['Vega', 0.03],
        ],
        name,
      )
    }
    const joined = await one.client().sql({ sql: 'SELECT count(*) FROM tabs JOIN lines USING (name)' })
    assert.is(Number(joined.result.rows[0]![0]), 2)
  },
  LONG,
)

test(
  'what two islands call by one name is ambiguous until it is said whose',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one)
    for (const [island, value] of [
      [one, 1],
      [two, 2],
    ] as const) {
      await fleet.run(island, [
        'publish',
        await table(island, 'same', `v\n${value}\n`),
        '--name',
        'same',
        '--id',
        'doi:10.1234/same',
      ])
    }
    await fleet.converged([one, two], { datasets: 2 })
    const error = await rejects(one.client().sql({ sql: 'SELECT * FROM same' }), 'AMBIGUOUS')
    assert.is((error.details!.candidates as unknown[]).length, 2)
    await rejects(one.client().dataset('doi:10.1234/same'), 'AMBIGUOUS')
    const { id } = await two.client().status()
    const answer = await one.client().sql({ sql: `SELECT v FROM "doi:10.1234/same@${id}"` })
    assert.equal(answer.result.rows, [[2]])
    assert.is(answer.ranAt?.name, 'two')
  },
  LONG,
)

test(
  'a question is refused or stopped at the holder with a clear error, and the holder answers the next one',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one', { set: ['engine.statementMs=3s', 'engine.memoryBytes=300MiB'] })
    const two = await fleet.join('two', one)
    await fleet.run(one, ['publish', STARS])
    await fleet.converged([one, two], { datasets: 1 })
    const attempts: [string, string | string[]][] = [
      ["SELECT * FROM bright_stars, read_text('/etc/passwd')", 'SQL_REFUSED'],
      [
        "SELECT * FROM bright_stars UNION ALL SELECT * FROM '/etc/passwd'",
        ['SQL_REFUSED', 'BAD_ID', 'DATASET_NOT_FOUND', 'SQL_INVALID'],
      ],
      ['INSTALL httpfs', ['SQL_REFUSED', 'SQL_INVALID']],
      ['SELECT nosuch FROM bright_stars', 'SQL_INVALID'],
      [
        'SELECT count(*) FROM bright_stars a, bright_stars b, bright_stars c, bright_stars d',
        ['TIME_LIMIT', 'MEMORY_LIMIT'],
      ],
      [
        'SELECT list(a.name || b.name || c.name) FROM bright_stars a, bright_stars b, bright_stars c',
        ['MEMORY_LIMIT', 'TIME_LIMIT'],
      ],
    ]
    for (const [sql, expected] of attempts) {
      const code = await two
        .client()
        .sql({ sql })
        .then(
          () => 'answered',
          (e: { code: string; message: string }) => {
            assert.not.match(e.message, /\/tmp|\/work|\/root|bright_stars\.csv/, `no path of the site in: ${e.message}`)
            return e.code
          },
        )
      assert.ok([expected].flat().includes(code), `${sql}: ${code}`)
      const next = await two.client().sql({ sql: 'SELECT count(*) FROM bright_stars' })
      assert.is(Number(next.result.rows[0]![0]), 9096, `after ${sql}`)
    }
  },
  LONG,
)

test(
  'a site that runs no forwarded work says so',
  async (t) => {
    const fleet = await Fleet.create(t)
    const closed = await fleet.found('closed', { set: ['policy.forwarded.sql=none'] })
    const two = await fleet.join('two', closed)
    await fleet.run(closed, ['publish', await table(closed, 'mine')])
    await fleet.converged([closed, two], { datasets: 1 })
    await rejects(two.client().sql({ sql: 'SELECT * FROM mine' }), 'FORBIDDEN')
    assert.is((await closed.client().sql({ sql: 'SELECT * FROM mine' })).result.rowCount, 1, 'its owner may')
    const { items: journal } = await closed.client().journal({ limit: 20 })
    assert.ok(
      journal.some((e) => e.action === 'task:confirm' && e.outcome === 'refused' && e.code === 'FORBIDDEN'),
      'the refusal is in the journal',
    )
  },
  LONG,
)

test(
  'changes are told as they arrive',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one)
    await fleet.converged([one, two])
    const seen: IslandEvent[] = []
    const stop = new AbortController()
    const reading = (async () => {
      for await (const event of two.client().events({ signal: stop.signal })) {
        if ('lost' in event) continue
        seen.push(event)
        if (event.type === 'dataset:withdrawn') break
      }
    })()
    await eventually(
      async () => {
        await fleet.run(one, ['publish', await table(one, 'fresh'), '--name', 'fresh'])
        return seen.some((e) => e.type === 'dataset:changed')
      },
      { timeoutMs: 20_000, signal: t.signal },
    )
    await fleet.run(one, ['unpublish', 'fresh'])
    await reading
    stop.abort()
    await eventually(async () => (await two.client().datasets({})).total === 0, { timeoutMs: 10_000, signal: t.signal })
  },
  LONG,
)

test.run()
