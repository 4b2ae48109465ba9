/**
 * Three islands in three processes: one publishes the bright stars, one the NGC, and the third asks a question that is
 * answered where the data are. `--once` stops everything after the answer, `--json` prints one object.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { DatasetView, TaskResult } from '../../src/protocols/model/views.ts'
import { createClient, type IslandClient } from '../../src/web/client/index.ts'

const once = process.argv.includes('--once')
const json = process.argv.includes('--json')
const unknown = process.argv.slice(2).filter((a) => !['--once', '--json'].includes(a))
if (unknown.length > 0) {
  process.stderr.write(`error: unknown argument ${unknown[0]}\nhint: npm run demo -- [--once] [--json]\n`)
  process.exit(2)
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const cli = join(root, 'src', 'node', 'cli', 'main.ts')
const data = join(root, 'examples', 'data')
const QUESTION = `SELECT name, constellation, vmag FROM bright_stars
WHERE name IS NOT NULL AND dec < -30 ORDER BY vmag LIMIT 5`
const CATALOGUES = [
  {
    at: 0,
    file: 'bright_stars.csv',
    args: [
      '--title',
      'Yale Bright Star Catalogue, 5th edition',
      '--keyword',
      'stars',
      '--keyword',
      'photometry',
      '--licence',
      'MIT',
      '--creator',
      'Dorrit Hoffleit',
      '--creator',
      'Wayne H. Warren Jr.',
    ],
  },
  {
    at: 1,
    file: 'openngc.csv',
    args: [
      '--title',
      'OpenNGC: NGC and IC objects',
      '--keyword',
      'galaxies',
      '--keyword',
      'nebulae',
      '--licence',
      'CC-BY-SA-4.0',
      '--creator',
      'Mattia Verga',
    ],
  },
]
const NAMES = ['observatory', 'institute', 'university']
const SECOND_MS = 1000
const PATIENCE_MS = 60 * SECOND_MS

interface Running {
  name: string
  dataDir: string
  process: ChildProcess
  url: string
  client: IslandClient
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())

const say = (text: string) => {
  if (!json) process.stdout.write(`${text}\n`)
}

function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('ARCHIPEL_'))
  return Object.fromEntries(kept)
}

/** Runs one command of the command line to its end. */
async function archipel(args: string[]): Promise<string> {
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(),
    signal: stopping.signal,
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0)
    throw Object.assign(new Error(`archipel ${args[0]} ended with ${code}:\n${err}`), { name: 'DemoError' })
  return out
}

const NETWORK = ['--listen', '/ip4/127.0.0.1/tcp/0', '--web-port', '0', '--log-level', 'warn', '--json']

/** A command that becomes a running island (`up`, `join`), as a process of its own; waits until its web service answers. */
async function start(name: string, dataDir: string, args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [cli, ...args, '--data-dir', dataDir, ...NETWORK], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environment(),
  })
  let err = ''
  child.stderr.on('data', (chunk) => (err += chunk))
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    stopping.signal.throwIfAborted()
    if (child.exitCode !== null)
      throw Object.assign(new Error(`${name} ended with ${child.exitCode}:\n${err}`), { name: 'DemoError' })
    const daemon = await readFile(join(dataDir, 'daemon.json'), 'utf8').catch(() => undefined)
    if (daemon !== undefined) {
      const { url } = JSON.parse(daemon) as { url: string }
      const token = (await readFile(join(dataDir, 'owner.token'), 'utf8')).trim()
      return { name, dataDir, process: child, url, client: createClient({ url, token }) }
    }
    if (Date.now() > end) throw Object.assign(new Error(`${name} did not come up`), { name: 'DemoError' })
    await sleep(50)
  }
}

async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    stopping.signal.throwIfAborted()
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end)
      throw Object.assign(new Error(`${what}: not after ${PATIENCE_MS / SECOND_MS} s`), { name: 'DemoError' })
    await sleep(100)
  }
}

function table(task: TaskResult): string {
  const rows = [
    task.result.columns.map((c) => c.name),
    ...task.result.rows.map((row) => row.map((cell) => String(cell ?? ''))),
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => `    ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`).join('\n')
}

async function stop(island: Running): Promise<void> {
  await island.client.close()
  if (island.process.exitCode !== null) return
  const ended = new Promise((resolve) => island.process.once('close', resolve))
  island.process.kill('SIGTERM')
  const forced = setTimeout(() => island.process.kill('SIGKILL'), 10 * SECOND_MS)
  await ended
  clearTimeout(forced)
}

async function main(base: string, islands: Running[]): Promise<void> {
  say('Starting three islands, each a process of its own ...')
  const dirs = NAMES.map((name) => join(base, name))
  await archipel(['create', 'demo', '--data-dir', dirs[0]!, '--name', NAMES[0]!, '--json'])
  islands.push(await start(NAMES[0]!, dirs[0]!, ['up', '--name', NAMES[0]!]))
  for (const i of [1, 2]) {
    const { ticket } = JSON.parse(await archipel(['invite', '--local', '--data-dir', dirs[0]!, '--json'])) as {
      ticket: string
    }
    islands.push(await start(NAMES[i]!, dirs[i]!, ['join', ticket, '--name', NAMES[i]!]))
  }
  for (const island of islands) say(`  ${island.name.padEnd(12)} ${island.url}`)

  for (const { at, file, args } of CATALOGUES) {
    say(`${NAMES[at]} publishes ${file} ...`)
    await archipel(['publish', join(data, file), ...args, '--data-dir', dirs[at]!, '--json'])
  }
  const asker = islands[2]!
  const datasets = await waitFor('both datasets known at the third island', async () => {
    const { items } = await asker.client.datasets({})
    return items.length === CATALOGUES.length && items.every((d) => d.holders.length > 0) ? items : undefined
  })
  for (const d of datasets)
    say(`  ${asker.name} knows ${d.body.name}: ${d.body.rows} rows at ${d.holders.map((h) => h.name).join(', ')}`)

  say(`\n${asker.name} asks:\n\n    ${QUESTION.replace('\n', '\n    ')}\n`)
  const task = await asker.client.sql({ sql: QUESTION })
  if (json) process.stdout.write(`${JSON.stringify(await report(islands, datasets, task))}\n`)
  say(`${table(task)}\n`)
  say(
    `Asked at ${task.askedAt.name}, answered at ${task.ranAt?.name} in ${Math.round(task.elapsedMs)} ms, because it ${task.explain.find((e) => e.chosen)?.reason}.`,
  )
  if (once) return
  say(`
The islands stay up until Ctrl-C. What to try next, in another terminal:

    export ARCHIPEL_DATA_DIR=${dirs[2]}
    npx archipel islands
    npx archipel datasets galaxies
    npx archipel show openngc
    npx archipel sql 'SELECT "Type", count(*) AS n FROM openngc GROUP BY 1 ORDER BY n DESC LIMIT 5'
    npx archipel datasets --filter cone=83.6,22,1
`)
  await new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function report(islands: Running[], datasets: DatasetView[], task: TaskResult): Promise<object> {
  const statuses = await Promise.all(islands.map(async (island) => island.client.status()))
  return {
    islands: islands.map((island, i) => ({ name: island.name, peerId: statuses[i]!.peerId, url: island.url })),
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

const base = await mkdtemp(join(tmpdir(), 'archipel-demo-'))
const islands: Running[] = []
let code = 0
try {
  await main(base, islands)
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
