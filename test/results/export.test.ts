import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import * as assert from 'uvu/assert'
import { FORMATS, tableExporter } from '../../src/node/results/exporter.ts'
import type { TableFormat } from '../../src/node/results/port.ts'
import { spooledTable } from '../../src/node/results/rows.ts'
import type { Column } from '../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { Cell } from '../../src/protocols/model/task.ts'
import { rejects, suite } from '../kit/index.ts'
import { ALL_TYPES, database } from './all-types.ts'
import { bytesOf, KEY, rowOf, spoolIn, writeTable } from './kit.ts'

const test = suite('tables in formats of the field')
const exporter = tableExporter({ createdBy: 'archipel test' })
const never = new AbortController().signal

async function save(format: TableFormat, columns: Column[], rows: Cell[][], batch = 1000): Promise<Buffer> {
  const source = async function* () {
    for (let at = 0; at < rows.length; at += batch) yield rows.slice(at, at + batch)
  }
  return await bytesOf((await exporter.export({ columns, rows: source }, format, { signal: never })).body)
}

test('Parquet holds every type of DuckDB, and DuckDB reads it back the same', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const { columns, rows } = await db.cells(ALL_TYPES)
  assert.ok(columns.length > 50)
  const path = join(await t.tmpdir(), 'all.parquet')
  await writeFile(path, await save('parquet', columns, rows))
  const read = await db.cells(`SELECT * FROM '${path}'`)
  // What Parquet has no type for, and what is the same in another.
  const other: Record<string, string> = {
    HUGEINT: 'DECIMAL(38,0)',
    UHUGEINT: 'DECIMAL(38,0)',
    BIGNUM: 'VARCHAR',
    TIMESTAMP_S: 'TIMESTAMP',
    TIMESTAMP_MS: 'TIMESTAMP',
    'TIME WITH TIME ZONE': 'VARCHAR',
    INTERVAL: 'VARCHAR',
    BIT: 'VARCHAR',
    TIME_NS: 'TIME_NS',
    GEOMETRY: 'BLOB',
  }
  for (const [i, { name, type }] of columns.entries()) {
    const wanted =
      other[type] ?? (type.startsWith('ENUM') ? 'VARCHAR' : type.replace(/\[\d+\]/g, '[]').replace(/^UNION/, 'STRUCT'))
    assert.is(read.columns[i]!.type, wanted, name)
    if (['HUGEINT', 'UHUGEINT', 'UNION("name" VARCHAR, "age" SMALLINT)'].includes(type)) continue
    assert.equal(
      read.rows.map((row) => row[i]),
      rows.map((row) => row[i]),
      name,
    )
  }
  const at = (name: string) => read.rows.map((row) => row[columns.findIndex((c) => c.name === name)])
  assert.equal(at('hugeint'), ['-170141183460469231731687303715884105', '170141183460469231731687303715884105', null])
  assert.equal(at('uhugeint'), ['0', '340282366920938463463374607431768211', null])
  assert.equal(at('union'), [{ name: 'Frank', age: null }, { name: null, age: 5 }, null])
})

test('Arrow holds every type of DuckDB', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const { columns, rows } = await db.cells(ALL_TYPES)
  const bytes = await save('arrow', columns, rows)
  assert.is(bytes.subarray(0, 6).toString(), 'ARROW1')
  assert.is(bytes.subarray(-6).toString(), 'ARROW1')
  const table = tableFromIPC(bytes)
  assert.is(table.numRows, 3)
  const types = Object.fromEntries(table.schema.fields.map((field) => [field.name, String(field.type)]))
  const wanted: Record<string, string> = {
    bool: 'Bool',
    tinyint: 'Int8',
    bigint: 'Int64',
    ubigint: 'Uint64',
    hugeint: 'Decimal[38e0]',
    dec38_10: 'Decimal[38e+10]',
    float: 'Float32',
    double: 'Float64',
    varchar: 'Utf8',
    uuid: 'Utf8',
    blob: 'Binary',
    date: 'Date32<DAY>',
    time: 'Time64<MICROSECOND>',
    timestamp: 'Timestamp<MICROSECOND>',
    timestamp_s: 'Timestamp<SECOND>',
    timestamp_ns: 'Timestamp<NANOSECOND>',
    timestamp_tz: 'Timestamp<MICROSECOND, UTC>',
    int_array: 'List<Int32>',
    fixed_int_array: 'FixedSizeList[3]<Int32>',
    struct: 'Struct<{a:Int32, b:Utf8}>',
    map: 'Map<{key:Utf8, value:Utf8}>',
  }
  for (const [name, type] of Object.entries(wanted)) assert.is(types[name], type, name)
  const column = (name: string) => table.getChild(name)!.toArray()
  const json = (name: string) => JSON.parse(JSON.stringify([...table.getChild(name)!]))
  assert.equal([...column('ubigint')].slice(0, 2), [0n, 18446744073709551615n])
  // The buffer itself: the accessors of the package round to milliseconds.
  assert.equal([...table.getChild('timestamp')!.data[0]!.values], [-9223372022400000000n, 9223372036854775806n, 0n])
  assert.equal([...table.getChild('timestamp_ns')!.data[0]!.values].slice(0, 2), [
    -9223286400000000000n,
    9223372036854775806n,
  ])
  assert.equal([...table.getChild('date')!.data[0]!.values].slice(0, 2), [-2147483646, 2147483646])
  assert.equal(json('varchar'), ['🦆🦆🦆🦆🦆🦆', 'goo\0se', null])
  assert.equal(json('nested_int_array'), [
    [],
    [[], [42, 999, null, null, -42], null, [], [42, 999, null, null, -42]],
    null,
  ])
  assert.equal(json('struct'), [{ a: null, b: null }, { a: 42, b: '🦆🦆🦆🦆🦆🦆' }, null])
  assert.equal(json('map'), [{}, { key1: '🦆🦆🦆🦆🦆🦆', key2: 'goose' }, null])
  assert.equal(json('fixed_int_array'), [[null, 2, 3], [4, 5, 6], null])
  const words = new Uint32Array(table.getChild('dec38_10')!.data[0]!.values)
  const value = (i: number) =>
    BigInt.asIntN(
      128,
      [3, 2, 1, 0].reduce((sum, w) => (sum << 32n) | BigInt(words[i * 4 + w]!), 0n),
    )
  assert.is(value(0), -(10n ** 38n - 1n))
  assert.is(value(1), 10n ** 38n - 1n)
})

test('text formats hold what the cells hold', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const { columns, rows } = await db.cells(ALL_TYPES)
  const objects = rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])))
  assert.equal(JSON.parse((await save('json', columns, rows)).toString()), objects)
  const lines = (await save('ndjson', columns, rows, 1)).toString().trimEnd().split('\n')
  assert.equal(
    lines.map((line) => JSON.parse(line)),
    objects,
  )
  assert.is((await save('csv', columns, rows)).toString().split('\r\n').length, 5)
})

test('CSV keeps every text apart from every other, and NULL from the empty one', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const texts = [
    '',
    ' ',
    ' a ',
    '"',
    '""',
    'a,b',
    'a\nb',
    'a\r\nb',
    '\r',
    ';',
    "'",
    '=1+1',
    '@x',
    '-1',
    'NULL',
    'ä🦆',
    '\t',
    '\\',
    '\\"',
    null,
  ]
  const columns = [
    { name: 'a "b", c', type: 'VARCHAR' },
    { name: 'n', type: 'INTEGER' },
  ]
  const path = join(await t.tmpdir(), 'texts.csv')
  const bytes = await save(
    'csv',
    columns,
    texts.map((text, i) => [text, i]),
  )
  await writeFile(path, bytes)
  assert.ok(bytes.toString().startsWith('"a ""b"", c",n\r\n"",0\r\n'))
  const read = await db.cells(
    `SELECT * FROM read_csv('${path}', header=true, all_varchar=true, delim=',', quote='"', escape='"', new_line='\\r\\n', nullstr='', allow_quoted_nulls=false)`,
  )
  assert.equal(
    read.columns.map((c) => c.name),
    columns.map((c) => c.name),
  )
  assert.equal(
    read.rows,
    texts.map((text, i) => [text, String(i)]),
  )
})

test('a single empty cell is still a line of CSV', async () => {
  const one = [{ name: 'x', type: 'INTEGER' }]
  assert.is((await save('csv', one, [[null], [1]])).toString(), 'x\r\n""\r\n1\r\n')
})

test('empty tables are valid in every format', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const { columns } = await db.cells(ALL_TYPES)
  assert.equal(JSON.parse((await save('json', columns, [])).toString()), [])
  assert.is((await save('ndjson', columns, [])).length, 0)
  assert.is((await save('csv', columns, [])).toString(), `${columns.map((c) => c.name).join(',')}\r\n`)
  assert.is(tableFromIPC(await save('arrow', columns, [])).schema.fields.length, columns.length)
  const path = join(await t.tmpdir(), 'empty.parquet')
  await writeFile(path, await save('parquet', columns, []))
  const read = await db.cells(`SELECT * FROM '${path}'`)
  assert.is(read.columns.length, columns.length)
  assert.equal(read.rows, [])
})

test('columns of one name are told apart; names of any kind are kept', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const names = ['a', 'a', 'a_1', '1', '__proto__', 'x.y', 'list', 'élan "q"', '']
  const wanted = ['a', 'a_2', 'a_1', '1', '__proto__', 'x.y', 'list', 'élan "q"', 'column']
  const columns = names.map((name) => ({ name, type: 'INTEGER' }))
  const row = names.map((_, i) => i)
  assert.ok((await save('ndjson', columns, [row])).toString().startsWith('{"a":0,"a_2":1,"a_1":2,"1":3,"__proto__":4,'))
  assert.equal(
    tableFromIPC(await save('arrow', columns, [row])).schema.fields.map((f) => f.name),
    wanted,
  )
  const path = join(await t.tmpdir(), 'names.parquet')
  await writeFile(path, await save('parquet', columns, [row]))
  const schema = await db.rows(`SELECT name FROM parquet_schema('${path}')`)
  assert.equal(
    schema.slice(1).map(([name]) => name),
    wanted,
  )
  assert.equal(await db.rows(`SELECT * FROM '${path}'`), [row])
})

test('a value that a format cannot hold is refused with what to do, not rounded', async () => {
  const bad: [type: string, cell: Cell][] = [
    ['HUGEINT', '170141183460469231731687303715884105727'],
    ['INTEGER', 3_000_000_000],
    ['INTEGER', 1.5],
    ['UBIGINT', -1],
    ['BIGINT', '9223372036854775808'],
    ['DECIMAL(4,1)', '1.25'],
    ['DECIMAL(4,1)', '1000.0'],
    ['DATE', 'yesterday'],
    ['DATE', '2026-13-01'],
    ['TIMESTAMP', 5],
    ['TIMESTAMP_NS', '9999-01-01T00:00:00'],
    ['BOOLEAN', 'yes'],
    ['BLOB', 'not base64!'],
    ['UUID', 'x'],
    ['DOUBLE', '1.5'],
    ['INTEGER[]', [1, 'x']],
    ['INTEGER[2]', [1]],
    ['STRUCT("a" INTEGER)', [1]],
    ['MAP(VARCHAR, INTEGER)', [{ key: null, value: 1 }]],
    ['UNION("a" INTEGER)', { tag: 'b', value: 1 }],
  ]
  for (const format of ['parquet', 'arrow'] as const) {
    for (const [type, cell] of bad) {
      const error = await rejects(save(format, [{ name: 'x', type }], [[cell]]), 'BAD_INPUT')
      assert.match(error.hint, /Cast/, type)
    }
  }
})

test('types that cannot be read, and values of no type, become text', async () => {
  const types = [
    '',
    'NEWTYPE',
    'STRUCT(',
    'STRUCT(INTEGER, INTEGER)',
    'MAP(A',
    'INTEGER[',
    'DECIMAL(99,1)',
    `STRUCT("a" ${'['.repeat(50)}`,
  ]
  for (const type of types) {
    const table = tableFromIPC(await save('arrow', [{ name: 'x', type }], [['a'], [1], [{ b: [null] }], [null]]))
    assert.equal([...table.getChild('x')!], ['a', '1', '{"b":[null]}', null], type)
  }
})

test('units, UCDs and descriptions go along', async (t) => {
  const db = await database()
  t.cleanup(() => db.close())
  const columns = [
    { name: 'ra', type: 'DOUBLE', unit: 'deg', ucd: 'pos.eq.ra;meta.main', description: 'Right <ascension> & "more"' },
    { name: 'n', type: 'BIGINT' },
  ]
  const field = tableFromIPC(await save('arrow', columns, [[1.5, 2]])).schema.fields[0]!
  assert.equal(Object.fromEntries(field.metadata), {
    unit: 'deg',
    ucd: 'pos.eq.ra;meta.main',
    description: columns[0]!.description,
  })
  const path = join(await t.tmpdir(), 'units.parquet')
  await writeFile(path, await save('parquet', columns, [[1.5, 2]]))
  const rows = await db.rows(`SELECT decode(key), decode(value) FROM parquet_kv_metadata('${path}')`)
  const votable = String(rows.find(([key]) => key === 'IVOA.VOTable-Parquet.content')![1])
  assert.match(
    votable,
    /<FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main"><DESCRIPTION>Right &lt;ascension&gt; &amp; &quot;more&quot;</,
  )
})

test(
  'a million rows from the spool: whole in every format, in bounded memory',
  async (t) => {
    const db = await database()
    t.cleanup(() => db.close())
    const dir = await t.tmpdir()
    const port = spoolIn(join(dir, 'spool'))
    const count = 1_000_000
    const meta = await writeTable(port, count)
    assert.is(meta.table!.rowCount, count)
    const table = await spooledTable(port, KEY)
    for (const format of ['parquet', 'csv', 'arrow'] as const) {
      const before = process.memoryUsage().rss
      let peak = before
      const { body } = await exporter.export(table, format, { signal: t.signal })
      const chunks: Uint8Array[] = []
      let size = 0
      let tail = Buffer.alloc(0)
      for await (const chunk of body) {
        peak = Math.max(peak, process.memoryUsage().rss - size)
        size += chunk.length
        tail = Buffer.concat([tail, chunk]).subarray(-200)
        if (format === 'parquet') chunks.push(chunk)
        else size -= chunk.length
      }
      assert.ok(peak - before < 350e6, `${format}: ${Math.round((peak - before) / 1e6)} MB more`)
      if (format === 'csv') assert.ok(tail.toString().endsWith('🦆"\r\n'))
      if (format === 'arrow') assert.ok(tail.toString('latin1').endsWith('ARROW1'))
      if (format !== 'parquet') continue
      const path = join(dir, 'million.parquet')
      await writeFile(path, Buffer.concat(chunks))
      assert.equal(await db.rows(`SELECT count(*), sum(n), count(DISTINCT n) FROM '${path}'`), [
        [count, (count * (count - 1)) / 2, count],
      ])
      assert.equal(await db.rows(`SELECT * FROM '${path}' WHERE n = 777777`), [rowOf(777_777)])
    }
  },
  { timeoutMs: 180_000 },
)

/** Rows without an end. */
function endless(): { rows: () => AsyncGenerator<Cell[][]>; ended: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    ended: promise,
    async *rows() {
      try {
        for (let i = 0; ; i++) yield Array.from({ length: 1000 }, (_, n) => [i * 1000 + n])
      } finally {
        resolve()
      }
    },
  }
}

const ONE: Column[] = [{ name: 'n', type: 'BIGINT' }]

test('an abort ends the source, the thread and the body', async () => {
  for (const format of ['csv', 'parquet', 'arrow'] as const) {
    const controller = new AbortController()
    const source = endless()
    const { body } = await exporter.export({ columns: ONE, rows: source.rows }, format, { signal: controller.signal })
    let bytes = 0
    const reading = (async () => {
      for await (const chunk of body) {
        bytes += chunk.length
        if (bytes > 100_000) controller.abort()
      }
    })()
    await rejects(reading, 'CANCELLED')
    await source.ended
  }
})

test('a reader that leaves ends the source and the thread', async () => {
  for (const format of ['json', 'parquet', 'arrow'] as const) {
    const source = endless()
    const { body } = await exporter.export({ columns: ONE, rows: source.rows }, format, { signal: never })
    for await (const chunk of body) if (chunk.length > 0) break
    await source.ended
  }
})

test('what the source throws comes through', async () => {
  for (const format of ['ndjson', 'parquet'] as const) {
    const rows = async function* () {
      for (let i = 0; i < 200; i++) yield Array.from({ length: 1000 }, (_, n) => [n])
      throw new ArchipelError('UNREACHABLE', 'the line was cut')
    }
    const { body } = await exporter.export({ columns: ONE, rows }, format, { signal: never })
    await rejects(bytesOf(body), 'UNREACHABLE')
  }
})

test('a bad cell far into a table comes through from the thread', async () => {
  const rows = async function* () {
    for (let i = 0; i < 100; i++) yield Array.from({ length: 1000 }, (_, n) => [i === 90 && n === 5 ? 'x' : n])
  }
  const { body } = await exporter.export({ columns: ONE, rows }, 'parquet', { signal: never })
  await rejects(bytesOf(body), 'BAD_INPUT')
})

test('more exports than threads wait for each other; one that waits can be cancelled', async () => {
  const one = tableExporter({ createdBy: 'archipel test', threads: 1 })
  const rows = async function* () {
    for (let i = 0; i < 60; i++) yield Array.from({ length: 1000 }, (_, n) => [n])
  }
  const start = async (signal: AbortSignal) =>
    await bytesOf((await one.export({ columns: ONE, rows }, 'arrow', { signal })).body)
  const controller = new AbortController()
  const all = [start(never), start(never), start(controller.signal), start(never)]
  const cancelled = rejects(all[2]!, 'CANCELLED')
  controller.abort()
  await cancelled
  for (const done of [all[0]!, all[1]!, all[3]!]) {
    assert.is(tableFromIPC(await done).numRows, 60_000)
  }
})

test('each format has its media type and ending', () => {
  for (const [format, { mediaType, extension }] of Object.entries(FORMATS)) {
    assert.match(mediaType, /^[a-z]+\/[a-z0-9.+-]+/)
    assert.is(extension, format)
  }
})

test.run()
