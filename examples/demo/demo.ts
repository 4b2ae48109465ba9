/**
 * Three islands in three processes: one publishes the bright stars, one the NGC, and the third asks a question that is
 * answered where the data are. `--failover`: two hold the same data, and the one that works on the answer is killed.
 * `--once` stops everything after the answer, `--json` prints one object.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatasetView, TaskResult } from '../../src/protocols/model/views.ts'
import { failover } from './failover.ts'
import { archipel, DATA, type Running, startAll, stop, waitFor } from './islands.ts'
import { explanationText, tableText } from './words.ts'

const FLAGS = ['--once', '--json', '--failover']
const unknown = process.argv.slice(2).filter((a) => !FLAGS.includes(a))
if (unknown.length > 0) {
  process.stderr.write(`error: unknown argument ${unknown[0]}\nhint: npm run demo -- [--failover] [--once] [--json]\n`)
  process.exit(2)
}
const [once, json, isFailover] = FLAGS.map((flag) => process.argv.includes(flag))

const QUESTION = `SELECT name, constellation, vmag FROM bright_stars
WHERE name IS NOT NULL AND dec < -30 ORDER BY vmag LIMIT 5`
const CATALOGUES = [
  {
    at: 0,
    file: 'bright_stars.csv',
    args: [
      ...['--title', 'Yale Bright Star Catalogue, 5th edition', '--licence', 'MIT'],
      ...['--keyword', 'stars', '--keyword', 'photometry'],
      ...['--creator', 'Dorrit Hoffleit', '--creator', 'Wayne H. Warren Jr.'],
    ],
  },
  {
    at: 1,
    file: 'openngc.csv',
    args: [
      ...['--title', 'OpenNGC: NGC and IC objects', '--licence', 'CC-BY-SA-4.0'],
      ...['--keyword', 'galaxies', '--keyword', 'nebulae', '--creator', 'Mattia Verga'],
    ],
  },
]
const NAMES = ['observatory', 'institute', 'university']

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())

const say = (text: string) => {
  if (!json) process.stdout.write(`${text}\n`)
}

/** Islands as a program wants them. */
async function listed(islands: Running[]): Promise<object[]> {
  const statuses = await Promise.all(islands.map(async (island) => island.client.status().catch(() => undefined)))
  return islands.map((island, i) => ({ name: island.name, peerId: statuses[i]?.peerId, url: island.url }))
}

async function ask(islands: Running[]): Promise<void> {
  for (const { at, file, args } of CATALOGUES) {
    const { name, dataDir } = islands[at]!
    say(`${name} publishes ${file} ...`)
    await archipel(['publish', join(DATA, file), ...args, '--data-dir', dataDir, '--json'], stopping.signal)
  }
  const asker = islands[2]!
  const datasets = await waitFor('both datasets known at the third island', stopping.signal, async () => {
    const { items } = await asker.client.datasets({})
    return items.length === CATALOGUES.length && items.every((d) => d.holders.length > 0) ? items : undefined
  })
  for (const d of datasets)
    say(`  ${asker.name} knows ${d.body.name}: ${d.body.rows} rows at ${d.holders.map((h) => h.name).join(', ')}`)

  say(`\n${asker.name} asks:\n\n    ${QUESTION.replace('\n', '\n    ')}\n`)
  const task = await asker.client.sql({ sql: QUESTION }, { signal: stopping.signal })
  if (json) process.stdout.write(`${JSON.stringify(await report(islands, datasets, task))}\n`)
  say(`${tableText(task.result)}\n`)
  say(`Where it could have run, at what cost:\n\n${explanationText(task.explain)}\n`)
  say(
    `Asked at ${task.askedAt.name}, answered at ${task.ranAt?.name} in ${Math.round(task.elapsedMs)} ms, because it ${task.explain.find((e) => e.chosen)?.reason}.`,
  )
  if (once) return
  say(`
The islands stay up until Ctrl-C. What to try next, in another terminal:

    export ARCHIPEL_DATA_DIR=${asker.dataDir}
    npx archipel islands
    npx archipel datasets galaxies
    npx archipel show openngc
    npx archipel sql 'SELECT "Type", count(*) AS n FROM openngc GROUP BY 1 ORDER BY n DESC LIMIT 5'
    npx archipel datasets --filter cone=83.6,22,1
    npx archipel tasks
`)
  await untilStopped()
}

async function report(islands: Running[], datasets: DatasetView[], task: TaskResult): Promise<object> {
  return {
    islands: await listed(islands),
    datasets: datasets.map((d) => ({ id: d.id, rows: d.body.rows, holders: d.holders.map((h) => h.name) })),
    task: {
      id: task.id,
      askedAt: task.askedAt.name,
      ranAt: task.ranAt?.name,
      state: task.state,
      columns: task.result.columns.map((c) => c.name),
      rows: task.result.rows,
      elapsedMs: task.elapsedMs,
      explain: task.explain,
    },
  }
}

async function loseOne(islands: Running[]): Promise<void> {
  const { task, killed, table } = await failover(islands, say, stopping.signal)
  const attempts = task.attempts.map(({ number, name, state, error }) => ({ number, island: name, state, error }))
  if (json) {
    const { id, state, elapsedMs, explain } = task
    const columns = table.columns.map((c) => c.name)
    const answer = {
      id,
      askedAt: task.askedAt.name,
      ranAt: task.ranAt?.name,
      state,
      columns,
      rows: table.rows,
      elapsedMs,
    }
    const told = { islands: await listed(islands), killed, task: { ...answer, attempts, explain } }
    process.stdout.write(`${JSON.stringify(told)}\n`)
  }
  say(`\n${tableText(table)}\n`)
  say(`Why the last attempt ran where it ran:\n\n${explanationText(task.explain)}\n`)
  for (const { number, island, state, error } of attempts)
    say(`  attempt ${number} at ${island}: ${state}${error === undefined ? '' : `, ${error.message}`}`)
  say(
    `One task, one result: answered at ${task.ranAt?.name} in ${(task.elapsedMs / 1000).toFixed(1)} s, although ${killed} was lost.`,
  )
  if (once) return
  say(`
The other islands stay up until Ctrl-C. What to try next, in another terminal:

    export ARCHIPEL_DATA_DIR=${islands[2]!.dataDir}
    npx archipel task show ${task.id} --explain
    npx archipel task result ${task.id}
    npx archipel --data-dir ${islands.find((i) => i.name === killed)!.dataDir} up
`)
  await untilStopped()
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => stopping.signal.addEventListener('abort', () => resolve(), { once: true }))
}

const base = await mkdtemp(join(tmpdir(), 'archipel-demo-'))
const islands: Running[] = []
let code = 0
try {
  say('Starting three islands, each a process of its own ...')
  await startAll(base, NAMES, islands, stopping.signal)
  for (const island of islands) say(`  ${island.name.padEnd(12)} ${island.url}`)
  await (isFailover ? loseOne(islands) : ask(islands))
} catch (error) {
  if (stopping.signal.aborted) code = 130
  else {
    code = 1
    process.stderr.write(`error: ${(error as Error).message}\n`)
  }
} finally {
  say('Stopping ...')
  await Promise.all(islands.map(stop))
  await rm(base, { recursive: true, force: true })
}
process.exit(code)
