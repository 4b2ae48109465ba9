/** What real islands refuse: results beyond the room for them, results that are too old, programs without a sandbox. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { createArchipelago, joinArchipelago } from '../../src/node/archipelago.ts'
import { devConfig } from '../../src/node/dev.ts'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { type StartedIsland, startIsland } from '../../src/node/island.ts'
import { openStore } from '../../src/node/store/store.ts'
import { keepTask, taskStore } from '../../src/node/tasks/store/task-store.ts'
import { createClient, type IslandClient } from '../../src/web/client/index.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('limits of real islands')
const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const logger = pino({ level: 'silent' })
/** About 600 kB as it is kept. */
const LARGE = "SELECT i, repeat('x', 50) AS text FROM range(10000) t(i)"
const MiB = 1024 * 1024
const statementOf = (table: string) => `SELECT count(*) AS n FROM ${table}`

async function start(t: TestContext, config: ReturnType<typeof devConfig>) {
  const island = await startIsland({ config, signal: t.signal, logger })
  const token = (await readFile(pathIn(config.dataDir, 'token'), 'utf8')).trim()
  const client = createClient({ url: island.url!, token })
  let stopping: Promise<unknown> | undefined
  const stop = () => (stopping ??= client.close().then(() => island.stop()))
  t.cleanup(stop)
  return { island, client, stop }
}

async function ended(t: TestContext, client: IslandClient, id: string) {
  for await (const view of client.tasks.watch(id, { signal: t.signal }))
    if (['succeeded', 'failed', 'cancelled'].includes(view.state)) return view
  throw new Error('the task did not end')
}

test(
  'results have a bounded room: what does not fit fails and leaves nothing, what is too old goes and makes room',
  async (t) => {
    const config = devConfig(join(await t.tmpdir(), 'corfu'), 'corfu', { 'tasks.resultsBytes': MiB })
    await createArchipelago({ config, name: 'limits' })
    const first = await start(t, config)
    const run = async (client: IslandClient, code: string) =>
      ended(t, client, (await client.tasks.submit({ kind: 'sql', code })).id)
    const kept = await run(first.client, LARGE)
    assert.equal([kept.state, kept.result?.table?.rowCount], ['succeeded', 10_000])
    const full = await run(first.client, LARGE)
    assert.equal([full.state, full.error?.code, full.result], ['failed', 'DISK_FULL', undefined])
    assert.match(full.error?.hint ?? '', 'tasks.resultsBytes')
    await rejects(first.client.tasks.rows(full.id, { from: 0, limit: 1 }), 'TASK_STATE')
    assert.is((await run(first.client, 'SELECT 1 AS one')).state, 'succeeded', 'what fits is taken')
    await first.stop()

    const store = await openStore({ directory: pathIn(config.dataDir, 'store') })
    const tasks = taskStore({ store })
    const record = (await tasks.task(kept.id))!
    await tasks.write('requester:outcome', keepTask({ ...record, ended: record.ended! - 8 * 86_400_000 }))
    await store.close()

    const { client } = await start(t, config)
    assert.is((await client.tasks.rows(kept.id, { from: 9_999, limit: 1 })).rows.length, 1, 'until it is looked for')
    const gone = () =>
      client.tasks.rows(kept.id, { from: 0, limit: 1 }).then(
        () => false,
        (error: { code?: string }) => error.code === 'RESULT_EXPIRED',
      )
    await eventually(gone, { timeoutMs: 30_000, signal: t.signal })
    assert.is((await client.tasks.show(kept.id)).state, 'succeeded')
    const again = await ended(t, client, (await client.tasks.retry(kept.id)).id)
    assert.equal([again.state, again.result?.table?.rowCount], ['succeeded', 10_000])
  },
  { timeoutMs: 120_000 },
)

test(
  'an island whose bubblewrap does not work refuses the programs of others, says so, and runs those of its owner',
  async (t) => {
    const base = await t.tmpdir()
    const asking = devConfig(join(base, 'corfu'), 'corfu')
    await createArchipelago({ config: asking, name: 'limits' })
    const { island: asker, client } = await start(t, asking)
    const { ticket } = await asker.port.invite({ local: true, expiresMs: 3_600_000 })
    const holding = devConfig(join(base, 'delos'), 'delos', { 'policy.forwarded.python': [asker.id] })
    await joinArchipelago({ config: holding, ticket, signal: t.signal, logger })
    const holder = await withoutBubblewrap(join(base, 'bin'), () => start(t, holding))
    await holder.client.publish({ path: STARS })
    await eventually(async () => (await client.datasets({})).total === 1, { timeoutMs: 20_000, signal: t.signal })

    const program = { kind: 'python' as const, code: '1 + 1', datasets: ['bright_stars'] }
    const statement = await client.sql({ sql: statementOf('bright_stars') })
    assert.is(statement.ranAt?.name, 'delos')
    await rejects(client.tasks.place(program), 'NO_SANDBOX')
    const refused = await ended(t, client, (await client.tasks.submit({ ...program, on: 'delos' })).id)
    assert.equal([refused.state, refused.error?.code, refused.attempts], ['failed', 'NO_SANDBOX', []])
    assert.equal(
      (await holder.client.tasks.list({ all: true })).items.map((i) => i.kind),
      ['sql'],
    )

    const { findings } = await holder.client.status()
    assert.is(findings.find((f) => f.code === 'NO_SANDBOX')?.severity, 'error')
    const own = await ended(t, holder.client, (await holder.client.tasks.submit(program)).id)
    assert.ok(own.state === 'succeeded' || own.error?.code === 'LANGUAGE_MISSING', own.error?.message)

    const { peerId } = holder.island
    await holder.stop()
    const away = await rejects(client.tasks.place({ kind: 'sql', code: statementOf('bright_stars') }), 'NO_HOLDER')
    assert.match(away.message, /delos: .*(delos|no sign of life)/)
    assert.not.match(away.message, peerId.slice(-8))
  },
  { timeoutMs: 120_000 },
)

/** Starts something while the first `bwrap` on PATH is one that fails. */
async function withoutBubblewrap<T extends { island: StartedIsland }>(dir: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dir)
  await writeFile(join(dir, 'bwrap'), '#!/bin/sh\necho "no namespaces here" >&2\nexit 1\n')
  await chmod(join(dir, 'bwrap'), 0o755)
  const before = process.env.PATH
  process.env.PATH = [dir, before].join(delimiter)
  try {
    return await work()
  } finally {
    process.env.PATH = before
  }
}

test.run()
