import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { BoundDataset, EngineLimits, EngineSession, SessionInit } from '../../src/node/engines/port.ts'
import type { TaskKind } from '../../src/protocols/model/task.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import {
  brightStars,
  eventLines,
  openNgc,
  requiresR,
  requiresSandbox,
  requiresScience,
  SCIENCE_PYTHON,
} from './data.ts'
import { collector } from './sink.ts'

const test = suite('Python and R programs')

const MiB = 1024 ** 2
const LIMITS: EngineLimits = {
  memoryBytes: 768 * MiB,
  statementMs: 25_000,
  cpuMs: 60_000,
  resultRows: 2_000_000,
  resultBytes: 256 * MiB,
  threads: 2,
  scratchBytes: 32 * MiB,
}

async function engineWith(
  t: TestContext,
  init: { sandbox?: 'off' | 'auto'; limits?: Partial<EngineLimits>; python?: string; r?: string } = {},
) {
  const scratchDir = await t.tmpdir()
  const { sandbox = 'auto', limits, ...languages } = init
  const engine = embeddedEngine({
    limits: { ...LIMITS, ...limits },
    maxSessions: 4,
    queue: 0,
    sandbox,
    scratchDir,
    spares: 0,
    ...languages,
  })()
  t.cleanup(() => engine.stop())
  await engine.start()
  return { engine, scratchDir }
}

async function sessionOf(
  t: TestContext,
  kind: TaskKind,
  init: Parameters<typeof engineWith>[1] & { datasets?: BoundDataset[]; params?: SessionInit['params'] } = {},
): Promise<EngineSession> {
  const { datasets = [], params = {}, ...rest } = init
  const { engine } = await engineWith(t, rest)
  return await engine.createSession({ kind, datasets, params })
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

/** Name, media type and text of the items of one statement. */
async function itemsOf(session: EngineSession, code: string): Promise<string[][]> {
  const { items } = await session.run(code)
  return items.map(({ name, mediaType, bytes }) => [name, mediaType, mediaType === 'image/png' ? '' : text(bytes)])
}

const PNG = [0x89, 0x50, 0x4e, 0x47]

test('Python: values become JSON, text or tables by what they are', async (t) => {
  const session = await sessionOf(t, 'python')
  for (const [code, wanted] of [
    ['{"a": [1, 2.5, None, True], "n": float("nan"), "big": 2**60}', ['value.json', 'application/json']],
    ['(1, "x")', ['value.json', 'application/json']],
    ['"a text\\u00e9"', ['text.txt', 'text/plain']],
    ['object', ['text.txt', 'text/plain']],
    ['b"raw"', ['value.bin', 'application/octet-stream']],
  ] as const)
    assert.equal(
      (await itemsOf(session, code)).map((item) => item.slice(0, 2)),
      [wanted],
      code,
    )
  assert.equal(await itemsOf(session, '{"a": [1, 2.5, None, True], "n": float("nan"), "big": 2**60}'), [
    ['value.json', 'application/json', '{"a": [1, 2.5, null, true], "n": "NaN", "big": "1152921504606846976"}'],
  ])
  assert.equal(await itemsOf(session, 'x = 1'), [])
  assert.equal(await itemsOf(session, 'None'), [])
  assert.equal(await itemsOf(session, 'import archipel\narchipel.result("one")\narchipel.result("two")'), [
    ['text.txt', 'text/plain', 'one'],
    ['text-2.txt', 'text/plain', 'two'],
  ])
})

test('Python: dicts and tuples become tables, dates and decimals keep their digits', async (t) => {
  const session = await sessionOf(t, 'python')
  const { result } = await session.run(`
import datetime, decimal
[{"d": datetime.date(2024, 5, 6), "t": datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc), "x": decimal.Decimal("1.10"), "b": b"hi"},
 {"d": None, "more": {"k": [1]}}]`)
  assert.equal(
    result.columns.map(({ name, type }) => [name, type]),
    [
      ['d', 'DATE'],
      ['t', 'TIMESTAMP'],
      ['x', 'VARCHAR'],
      ['b', 'VARCHAR'],
      ['more', 'JSON'],
    ],
  )
  assert.equal(result.rows, [
    ['2024-05-06', '2024-05-06T07:08:09Z', '1.10', 'aGk=', null],
    [null, null, null, null, { k: [1] }],
  ])
  const named = await session.run(
    'from collections import namedtuple\nStar = namedtuple("Star", "name vmag")\n[Star("Sirius", -1.46)]',
  )
  assert.equal(
    [named.result.columns.map(({ name }) => name), named.result.rows],
    [['name', 'vmag'], [['Sirius', -1.46]]],
  )
  const second = await session.run(
    'archipel_rows = [(1, 2)]\nimport archipel\narchipel.result(archipel_rows)\n[(3, 4)]',
  )
  assert.equal([second.result.rows, second.items.map(({ name }) => name)], [[[1, 2]], ['table-2.csv']])
})

test(
  'Python: pandas, pyarrow and matplotlib are understood, in a virtual environment, too',
  async (t) => {
    await requiresScience()
    const stars = await brightStars(await t.tmpdir())
    const session = await sessionOf(t, 'python', { python: SCIENCE_PYTHON, datasets: [stars] })
    const { result } = await session.run(
      'import archipel\nt = archipel.table("bright_stars")\nt.sort_values("vmag")[["name", "vmag"]].head(2)',
    )
    assert.equal(result.rows, [
      ['Sirius', -1.46],
      ['Canopus', -0.72],
    ])
    assert.equal(
      result.columns.map(({ type }) => type),
      ['VARCHAR', 'DOUBLE'],
    )
    const grouped = await session.run('t.groupby("constellation").vmag.count().head(1)')
    assert.equal(grouped.result.columns[0]!.name, 'constellation')
    const arrow = await session.run(
      'import pyarrow as pa\npa.table({"i": pa.array([1, None], pa.int32())}, schema=pa.schema([pa.field("i", pa.int32(), metadata={"unit": "deg"})]))',
    )
    assert.equal(
      [arrow.result.columns, arrow.result.rows],
      [[{ name: 'i', type: 'INTEGER', unit: 'deg' }], [[1], [null]]],
    )
    const drawn = await session.run(
      'import matplotlib.pyplot as plt\nplt.plot(t.ra, t.dec)\nplt.figure()\nplt.hist(t.vmag.dropna())\nNone',
    )
    assert.equal(
      drawn.items.map(({ name, mediaType, bytes }) => [name, mediaType, [...bytes.slice(0, 4)]]),
      [
        ['figure-1.png', 'image/png', PNG],
        ['figure-2.png', 'image/png', PNG],
      ],
    )
    assert.equal((await session.run('None')).items, [], 'figures are shown once')
  },
  { timeoutMs: 60_000 },
)

test('Python: a helper that is missing says what to install', async (t) => {
  const session = await sessionOf(t, 'python', { datasets: [await brightStars(await t.tmpdir())] })
  const error = await rejects(
    session.run('import sys, archipel\nsys.modules["pandas"] = None\narchipel.table("bright_stars")'),
    'CODE_FAILED',
  )
  assert.match(error.message, /ArchipelError: table\(\) needs pandas.*install pandas/)
  const unknown = await rejects(session.run('archipel.path("stars")'), 'CODE_FAILED')
  assert.match(unknown.message, /no dataset 'stars'.*bright_stars/)
})

test('Python: an exception tells its traceback, without the driver and without a path of the site', async (t) => {
  const session = await sessionOf(t, 'python')
  const error = await rejects(
    session.run('import json\ndef load(s):\n    return json.loads(s)\nload("{")'),
    'CODE_FAILED',
  )
  assert.match(error.message, /^Traceback[\s\S]*File "<program>", line 4, in <module>\n\s+load\("{"\)/)
  assert.match(error.message, /JSONDecodeError: Expecting/)
  assert.not.match(error.message, /driver\.py|archipel-test|pyenv|\/home|\/root/)
  assert.match((await rejects(session.run('x ='), 'CODE_FAILED')).message, /SyntaxError/)
  assert.match((await rejects(session.run('import sys; sys.exit(3)'), 'CODE_FAILED')).message, /exited with 3/)
  assert.equal((await session.run('import sys; sys.exit(0)')).items, [])
  assert.match(text((await session.log({ offset: 0, limit: 9999 })).bytes), /JSONDecodeError/)
})

test('R: values, tables, factors, dates and missing values', async (t) => {
  await requiresR()
  const session = await sessionOf(t, 'r')
  const { result } = await session.run(
    'data.frame(i = c(1L, NA), x = c(NaN, 1/3), s = c("q\\"\\u00e9", NA), f = factor(c("u", "v")), d = as.Date("2024-05-06"), p = as.POSIXct(0.5, origin = "1970-01-01", tz = "UTC"), l = c(TRUE, NA))',
  )
  assert.equal(
    result.columns.map(({ name, type }) => `${name} ${type}`),
    ['i INTEGER', 'x DOUBLE', 's VARCHAR', 'f VARCHAR', 'd DATE', 'p TIMESTAMP WITH TIME ZONE', 'l BOOLEAN'],
  )
  assert.equal(result.rows, [
    [1, 'NaN', 'q"\u00e9', 'u', '2024-05-06', '1970-01-01T00:00:00.5Z', true],
    [null, 1 / 3, null, 'v', '2024-05-06', '1970-01-01T00:00:00.5Z', null],
  ])
  for (const [code, wanted] of [
    [
      'list(a = 1, b = list("x", NULL), c = c(u = 1, v = 2))',
      ['value.json', 'application/json', '{"a":1,"b":["x",null],"c":{"u":1,"v":2}}'],
    ],
    ['c("one", "two")', ['text.txt', 'text/plain', 'one\ntwo']],
    ['100000L', ['value.json', 'application/json', '100000']],
  ] as const)
    assert.equal(await itemsOf(session, code), [wanted], code)
  assert.match((await itemsOf(session, 'summary(c(1, 2))'))[0]![2]!, /Min\./)
  assert.equal(await itemsOf(session, 'invisible(3)'), [])
  assert.equal(
    (await session.run('plot(1:3); hist(c(1, 2))')).items.map(({ name, bytes }) => [name, [...bytes.slice(0, 4)]]),
    [
      ['figure-1.png', PNG],
      ['figure-2.png', PNG],
    ],
  )
  const error = await rejects(session.run('f <- function(x) stop("no good: ", x)\nf(3)'), 'CODE_FAILED')
  assert.match(error.message, /^Error in f\(3\): no good: 3/)
  assert.match((await rejects(session.run('x <- ('), 'CODE_FAILED')).message, /unexpected/)
  assert.match((await rejects(session.run('quit(status = 2)'), 'CODE_FAILED')).message, /status 2/)
})

test('R: data by name, and what is missing by name', async (t) => {
  await requiresR()
  const stars = await brightStars(await t.tmpdir())
  const session = await sessionOf(t, 'r', { datasets: [stars], params: { n: 2 } })
  const { result } = await session.run(
    't <- archipel$table("bright_stars"); head(t[order(t$vmag), c("name", "vmag")], archipel$params$n)',
  )
  assert.equal(
    result.rows.map((row) => row.slice(-2)),
    [
      ['Sirius', -1.46],
      ['Canopus', -0.72],
    ],
  )
  assert.match((await rejects(session.run('archipel$path("stars")'), 'CODE_FAILED')).message, /'stars'.*bright_stars/)
})

for (const [kind, several, single] of [
  ['python', 'import archipel\nlen(archipel.path("events"))', 'archipel.path("openngc").endswith("openngc.csv")'],
  ['r', 'length(archipel$path("events"))', 'grepl("openngc.csv$", archipel.path("openngc"))'],
] as const) {
  test(`${kind}: files keep their names, and one dataset may have several`, async (t) => {
    if (kind === 'r') await requiresR()
    const dir = await t.tmpdir()
    const files: BoundDataset = { ...(await openNgc(dir)), format: 'files', columns: [] }
    const session = await sessionOf(t, kind, { datasets: [files, await eventLines(dir)] })
    assert.is((await itemsOf(session, several))[0]![2], '2')
    assert.is((await itemsOf(session, single))[0]![2], 'true')
  })
}

const FILES = {
  python: `
import archipel, os
open(archipel.output("deep/er/b.csv"), "w").write("x\\n")
open(archipel.output("a.bin"), "wb").write(bytes(3_000_000))
os.symlink("/etc/hostname", archipel.output("link"))
None`,
  r: `
writeLines("x", archipel$output("deep/er/b.csv"))
writeBin(raw(3000000), archipel$output("a.bin"))
invisible(file.symlink("/etc/hostname", archipel$output("link")))`,
}

for (const kind of ['python', 'r'] as const) {
  test(`${kind}: files that were written for output belong to the result, links do not`, async (t) => {
    if (kind === 'r') await requiresR()
    const { engine, scratchDir } = await engineWith(t)
    const session = await engine.createSession({ kind, datasets: [] })
    const sink = collector()
    await session.run(FILES[kind], { sink })
    assert.equal([...sink.items.keys()].toSorted(), ['a.bin', 'deep/er/b.csv'])
    assert.is(sink.items.get('a.bin')!.bytes.length, 3_000_000)
    assert.is(sink.items.get('deep/er/b.csv')!.mediaType, 'text/csv')
    for (const name of ['../x', '/etc/x', '.'])
      await rejects(
        session.run(kind === 'python' ? `archipel.output("${name}")` : `archipel$output("${name}")`),
        'CODE_FAILED',
      )
    await session.close()
    assert.equal(await readdir(scratchDir), [], 'nothing is left of it')
  })
}

const MILLION = {
  python: '[(i, i / 7, "star") for i in range(1_000_000)]',
  r: 'data.frame(i = 1:1000000, x = (1:1000000) / 7, s = "star")',
}

for (const kind of ['python', 'r'] as const) {
  test(
    `${kind}: a million rows reach a slow sink without growing the daemon`,
    async (t) => {
      if (kind === 'r') await requiresR()
      const session = await sessionOf(t, kind, { limits: { statementMs: 110_000, cpuMs: 110_000 } })
      const before = process.memoryUsage().rss
      let most = 0
      const sink = collector({
        keep: false,
        delay: async () => {
          most = Math.max(most, process.memoryUsage().rss)
          await new Promise((resolve) => setImmediate(resolve))
        },
      })
      const { result } = await session.run(MILLION[kind], { sink })
      assert.equal([result.rowCount, sink.count, result.truncated], [1_000_000, 1_000_000, false])
      assert.ok(most - before < 120 * MiB, `${Math.round((most - before) / MiB)} MiB more`)
    },
    { timeoutMs: 120_000 },
  )
}

test('a result beyond its rows or bytes is cut, and a sink that fails ends the program', async (t) => {
  const session = await sessionOf(t, 'python', { limits: { resultRows: 1500, resultBytes: MiB } })
  const rows = await session.run('[(i,) for i in range(5000)]')
  assert.equal([rows.result.rowCount, rows.result.truncated], [1500, true])
  const bytes = await session.run('[("x" * 10000,) for i in range(500)]')
  assert.ok(bytes.result.truncated && bytes.result.rowCount > 90 && bytes.result.rowCount < 105)
  await rejects(session.run('"x" * 3_000_000'), 'RESULT_LIMIT')
  const full = collector()
  full.rows = async () => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' })
  }
  const second = await sessionOf(t, 'python')
  await rejects(second.run('[(1,)]', { sink: full }), 'DISK_FULL')
})

test('what a program prints is read while it runs, before its result is there', async (t) => {
  const session = await sessionOf(t, 'python')
  const statement = await session.submit(
    'import time\nprint("first")\nimport archipel\narchipel.progress(0.25)\ntime.sleep(30)',
  )
  await eventually(async () => text((await session.log({ offset: 0, limit: 100 })).bytes) === 'first\n')
  await eventually(() => statement.view().progress === 0.25)
  await statement.cancel()
})

test('an interrupted program keeps its variables', async (t) => {
  const session = await sessionOf(t, 'python')
  await session.run('kept = 1')
  const running = await session.submit('kept = 2\nwhile True: pass')
  for await (const { state } of running.watch({ signal: t.signal })) if (state === 'running') break
  await rejects(session.run('kept', { signal: AbortSignal.abort() }), 'CANCELLED')
  await running.cancel()
  assert.is(session.state, 'idle')
  assert.match((await itemsOf(session, 'kept'))[0]![2]!, /[12]/)
})

test('a language that the machine lacks, or that is switched off, is missing by name', async (t) => {
  const dir = await t.tmpdir()
  const broken = join(dir, 'python3')
  await writeFile(broken, '#!/bin/sh\necho broken >&2\nexit 1\n', { mode: 0o755 })
  for (const [python, words] of [
    ['none', /switched off/],
    [join(dir, 'nothing-there'), /not installed/],
    [broken, /does not run/],
  ] as const) {
    const { engine } = await engineWith(t, { python, r: 'none' })
    assert.equal(engine.info().languages, ['sql'], python)
    assert.is(engine.capabilities().has('python'), false)
    assert.match(engine.status().missing?.python ?? '', words)
    assert.match(
      (await rejects(engine.createSession({ kind: 'python', datasets: [] }), 'LANGUAGE_MISSING')).message,
      words,
    )
  }
})

test('programs of others run in a sandbox or not at all; one’s own run without, too', async (t) => {
  const { engine } = await engineWith(t, { sandbox: 'off' })
  const init: SessionInit = { kind: 'python', datasets: [] }
  await rejects(engine.createSession({ ...init, forwarded: true }), 'NO_SANDBOX')
  await rejects(engine.createBatch({ ...init, code: '1', forwarded: true }), 'NO_SANDBOX')
  const own = await engine.createSession(init)
  assert.equal((await itemsOf(own, '1 + 1'))[0]![2], '2')
  assert.equal((await engine.createSession({ kind: 'sql', datasets: [], forwarded: true })).kind, 'sql')
  await requiresSandbox()
  const boxed = (await engineWith(t)).engine
  assert.equal((await itemsOf(await boxed.createSession({ ...init, forwarded: true }), '1 + 1'))[0]![2], '2')
})

test.run()
