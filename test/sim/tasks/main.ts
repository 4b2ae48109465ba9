import { parseArgs } from 'node:util'
import { runTaskSeed } from './run-seed.ts'

/**
 * `npm run sim -- --tasks --seeds M [--from S] [--short] [--json] [--verbose]`: runs M archipelagos of tasks, with `--short` as
 * long as the tests do. Ends with 1 when one
 * of them fails, and prints how to run that one alone.
 */
export async function taskSim(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      tasks: { type: 'boolean' },
      seeds: { type: 'string', default: '200' },
      short: { type: 'boolean', default: false },
      from: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  })
  const [seeds, from] = [Number(values.seeds), Number(values.from)]
  const started = performance.now()
  const total = { tasks: 0, runs: 0, ends: {} as Record<string, number>, crashes: {} as Record<string, number> }
  let failed = 0
  let quietMs = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const result = await runTaskSeed({ seed, ...(values.short ? { durationMs: 60_000 } : {}) })
    total.tasks += result.tasks
    total.runs += result.runs
    quietMs = Math.max(quietMs, result.quietMs)
    add(total.ends, result.ends)
    add(total.crashes, result.crashes)
    if (values.json) process.stdout.write(`${JSON.stringify({ ...result, log: undefined })}\n`)
    if (result.problems.length === 0) continue
    failed++
    process.stderr.write(`seed ${seed} failed:\n`)
    for (const problem of result.problems.slice(0, 10)) process.stderr.write(`  ${problem}\n`)
    if (values.verbose) for (const line of result.log) process.stderr.write(`    ${line}\n`)
    process.stderr.write(
      `  replay: npm run sim -- --tasks ${values.short ? '--short ' : ''}--seeds 1 --from ${seed} --verbose\n`,
    )
  }
  const seconds = Math.round((performance.now() - started) / 1000)
  const summary = { seeds, from, failed, ...total, mostQuietMs: Math.round(quietMs), seconds }
  process.stdout.write(
    values.json
      ? `${JSON.stringify(summary)}\n`
      : `${seeds - failed} passed, ${failed} failed; ${JSON.stringify(summary)}\n`,
  )
  return failed === 0 ? 0 : 1
}

function add(sum: Record<string, number>, more: Record<string, number>): void {
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count
}
