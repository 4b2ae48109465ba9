import { parseArgs } from 'node:util'
import { runRuleSeed } from './run-seed.ts'

/**
 * `npm run sim -- --rules --seeds M [--from S] [--short] [--json] [--verbose]`: runs M archipelagos of rules, with `--short` as
 * long as the tests do. Ends with 1 when one of them fails, and prints how to run that one alone.
 */
export async function ruleSim(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      rules: { type: 'boolean' },
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      short: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  })
  const [seeds, from] = [Number(values.seeds), Number(values.from)]
  const started = performance.now()
  const total = { begun: 0, begunAfterReturn: 0, drops: {} as Record<string, number>, mostKeptMs: 0 }
  let failed = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const result = await runRuleSeed({ seed, ...(values.short ? { durationMs: SHORT_MS } : {}) })
    total.begun += result.begun
    total.begunAfterReturn += result.begunAfterReturn
    total.mostKeptMs = Math.max(total.mostKeptMs, Math.round(result.keptMs))
    for (const [code, count] of Object.entries(result.drops)) total.drops[code] = (total.drops[code] ?? 0) + count
    if (values.json) process.stdout.write(`${JSON.stringify({ ...result, log: undefined })}\n`)
    if (result.problems.length === 0) continue
    failed++
    process.stderr.write(`seed ${seed} failed:\n`)
    for (const problem of result.problems.slice(0, 10)) process.stderr.write(`  ${problem}\n`)
    if (values.verbose) for (const line of result.log) process.stderr.write(`    ${line}\n`)
    process.stderr.write(
      `  replay: npm run sim -- --rules ${values.short ? '--short ' : ''}--seeds 1 --from ${seed} --verbose\n`,
    )
  }
  const summary = { seeds, from, failed, ...total, seconds: Math.round((performance.now() - started) / 1000) }
  process.stdout.write(
    values.json
      ? `${JSON.stringify(summary)}\n`
      : `${seeds - failed} passed, ${failed} failed; ${JSON.stringify(summary)}\n`,
  )
  return failed === 0 ? 0 : 1
}

/** Milliseconds of faults in the tests. */
export const SHORT_MS = 120_000
