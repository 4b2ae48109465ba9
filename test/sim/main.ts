import { parseArgs } from 'node:util'
import { runSeed } from './run-seed.ts'

// `npm run sim -- --tasks` runs the other simulation: see tasks/main.ts.
if (process.argv.includes('--tasks'))
  process.exit(await (await import('./tasks/main.ts')).taskSim(process.argv.slice(2)))

// `--rules` the third: see rules/main.ts.
if (process.argv.includes('--rules'))
  process.exit(await (await import('./rules/main.ts')).ruleSim(process.argv.slice(2)))

/**
 * `npm run sim -- --islands N --seeds M [--from S] [--liars L] [--json]`: runs M worlds of N islands. Ends with 1 when
 * one of them fails, and prints how to run that one alone.
 */
const { values } = parseArgs({
  options: {
    islands: { type: 'string', default: '20' },
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    liars: { type: 'string' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const [islands, seeds, from] = [Number(values.islands), Number(values.seeds), Number(values.from)]
const started = performance.now()
let failed = 0
let most = 0
const roundsSeen = new Map<number, number>()
let idle = 0
const happened = { faults: 0, recovered: 0, orphansSeen: 0, caught: 0, suspicions: 0 }
for (let seed = from; seed < from + seeds; seed++) {
  const liars = values.liars === undefined ? {} : { liars: Number(values.liars) }
  const result = await runSeed({ seed, islands, ...liars })
  roundsSeen.set(result.rounds, (roundsSeen.get(result.rounds) ?? 0) + 1)
  most = Math.max(most, result.rounds)
  idle = Math.max(idle, result.idleBytes ?? 0)
  happened.faults += result.faults.length
  for (const what of ['recovered', 'orphansSeen', 'caught', 'suspicions'] as const) happened[what] += result[what]
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  if (result.problems.length === 0) continue
  failed++
  process.stderr.write(`seed ${seed} of ${islands} islands failed:\n`)
  for (const problem of result.problems.slice(0, 10)) process.stderr.write(`  ${problem}\n`)
  if (values.verbose) for (const fault of result.faults) process.stderr.write(`    ${fault}\n`)
  process.stderr.write(`  replay: npm run sim -- --islands ${islands} --seeds 1 --from ${seed} --verbose\n`)
}
const seconds = (performance.now() - started) / 1000
const rounds = Object.fromEntries([...roundsSeen].sort((a, b) => a[0] - b[0]))
const summary = {
  islands,
  seeds,
  from,
  failed,
  rounds,
  mostRounds: most,
  mostIdleBytes: Math.round(idle),
  happened,
  seconds: Math.round(seconds),
}
process.stdout.write(
  values.json
    ? `${JSON.stringify(summary)}\n`
    : `${seeds - failed} passed, ${failed} failed; ${JSON.stringify(summary)}\n`,
)
process.exitCode = failed === 0 ? 0 : 1
