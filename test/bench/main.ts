/**
 * Measures archipel against its targets: `npm run bench [-- names...] [--quick] [--json]`. Each benchmark runs in a
 * process of its own; `--here` runs them in this one, for a profiler.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Benchmark, type Figure, FULL, QUICK } from './bench.ts'
import { catchUp } from './catch-up.ts'
import { coldJoin } from './cold-join.ts'
import { idleRound } from './idle-round.ts'
import { ingest } from './ingest.ts'
import { livyBench } from './livy.ts'
import { memory } from './memory.ts'
import { placementBench } from './placement.ts'
import { queueBench } from './queue.ts'
import { resolve } from './resolve.ts'
import { rowsBench } from './rows.ts'
import { start } from './start.ts'
import { figuresTable } from './table.ts'
import { tasksBench } from './tasks.ts'
import { transfersBench } from './transfers.ts'
import { visibility } from './visibility.ts'
import { webBench } from './web.ts'

const BENCHMARKS: Benchmark[] = [
  ingest,
  coldJoin,
  catchUp,
  idleRound,
  visibility,
  resolve,
  memory,
  start,
  tasksBench,
  queueBench,
  rowsBench,
  placementBench,
  transfersBench,
  webBench,
  livyBench,
]

interface Outcome {
  name: string
  about: string
  figures: Figure[]
  seconds: number
  error?: string
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

const say = (text: string) => process.stderr.write(`${text}\n`)

async function runHere(benchmark: Benchmark, options: { quick: boolean; shared: string }): Promise<Outcome> {
  const undo: (() => unknown)[] = []
  const dir = await mkdtemp(join(options.shared, `${benchmark.name}-`))
  const started = performance.now()
  try {
    const figures = await benchmark.run({
      scale: options.quick ? QUICK : FULL,
      dir,
      shared: options.shared,
      signal: stopping.signal,
      cleanup: (fn) => void undo.push(fn),
      say: (text) => say(`  ${benchmark.name}: ${text}`),
    })
    return { name: benchmark.name, about: benchmark.about, figures, seconds: (performance.now() - started) / 1000 }
  } finally {
    for (const fn of undo.reverse()) await fn()
    await rm(dir, { recursive: true, force: true })
  }
}

/** In a process of its own, so that none starts with the heap and the handles of another. */
async function runApart(benchmark: Benchmark, options: { quick: boolean; shared: string }): Promise<Outcome> {
  const { name, about } = benchmark
  const args = [fileURLToPath(import.meta.url), name, '--here', '--json', '--shared', options.shared]
  const child = spawn(process.execPath, [...args, ...(options.quick ? ['--quick'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const forward = () => child.kill('SIGTERM')
  stopping.signal.addEventListener('abort', forward, { once: true })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  stopping.signal.removeEventListener('abort', forward)
  const report = out === '' ? undefined : (JSON.parse(out) as { benchmarks: Outcome[] })
  return report?.benchmarks[0] ?? { name, about, figures: [], seconds: 0, error: `ended with ${code}` }
}

const names = () => BENCHMARKS.map(({ name }) => name).join(', ')

const help = () => `usage: npm run bench -- [names...] [--quick] [--json] [--here] [--shared <folder>]

  --quick            everything at its smallest: whether it works, not how fast it is
  --json             the figures as JSON
  --here             in this process, for a profiler; otherwise each benchmark has one of its own
  --shared <folder>  keeps the large catalog there for further runs

${BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}

example: npm run bench -- start web --quick
`

function readArgs() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        here: { type: 'boolean', default: false },
        shared: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    say(`error: ${(error as Error).message}\nhint: npm run bench -- --help`)
    return undefined
  }
}

async function main(): Promise<number> {
  const args = readArgs()
  if (args === undefined) return 2
  const { values, positionals } = args
  if (values.help) {
    process.stdout.write(help())
    return 0
  }
  const unknown = positionals.filter((name) => !BENCHMARKS.some((b) => b.name === name))
  if (unknown.length > 0) {
    say(`error: no benchmark is called ${unknown[0]}\nhint: ${names()}`)
    return 2
  }
  const chosen = BENCHMARKS.filter((b) => positionals.length === 0 || positionals.includes(b.name))
  const shared = values.shared ?? (await mkdtemp(join(tmpdir(), 'archipel-bench-')))
  await mkdir(shared, { recursive: true })
  const outcomes: Outcome[] = []
  try {
    for (const benchmark of chosen) {
      if (stopping.signal.aborted) break
      if (!values.here) say(`${benchmark.name}: ${benchmark.about}`)
      const outcome = await (values.here ? runHere : runApart)(benchmark, { quick: values.quick, shared })
      outcomes.push(outcome)
      if (!values.json)
        process.stdout.write(`\n${outcome.name} (${outcome.seconds.toFixed(1)} s)\n${figuresTable(outcome.figures)}\n`)
    }
  } finally {
    if (values.shared === undefined) await rm(shared, { recursive: true, force: true })
  }
  const conditions = {
    scale: values.quick ? 'quick' : 'full',
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ conditions, benchmarks: outcomes }, null, 2)}\n`)
  for (const { name, error } of outcomes) if (error !== undefined) say(`error: ${name} ${error}`)
  return outcomes.length < chosen.length || outcomes.some((o) => o.error !== undefined) ? 1 : 0
}

process.exitCode = await main()
