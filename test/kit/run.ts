/**
 * The test runner: `node test/kit/run.ts [filter...] [--jobs N] [--timeout seconds] [--with-livy]`.
 * A filter is a part of a path; a path of an existing file is run whatever its name. Without a filter everything runs
 * but `test/livy`, which needs a Spark (`npm run test:livy`); `--with-livy` runs that too. Long files begin first. The last line is
 * `N passed, N failed[, N skipped]`; the exit code is 1 when something failed or nothing ran.
 */
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { longestFirst } from './order.ts'
import { type FileResult, killAll, runFile } from './run-file.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { jobs: { type: 'string' }, timeout: { type: 'string' }, 'with-livy': { type: 'boolean' } },
})
const LIVY = join('test', 'livy', '/')
const jobs = positive('jobs', values.jobs, availableParallelism())
const timeoutMs = positive('timeout', values.timeout, 1800) * 1000

const queue = select(positionals)
const results: FileResult[] = []
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })
}
process.once('exit', killAll)
const dir = mkdtempSync(join(tmpdir(), 'archipel-test-run-'))
process.once('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
// All processes of a run share what was compiled, which halves the start of an island.
process.env.NODE_COMPILE_CACHE ??= join(dir, 'compiled')

const total = queue.length
await Promise.all(Array.from({ length: Math.min(jobs, total) }, work))

const failing = results.filter((result) => result.failed > 0)
if (failing.length > 0 && total > 1) console.log(`\nfailed: ${failing.map((result) => result.file).join(', ')}`)
if (total === 0) console.log(`no test file matches ${positionals.join(' ') || 'test/**/*.test.ts'}`)
const sum = (pick: (result: FileResult) => number) => results.reduce((so, result) => so + pick(result), 0)
const passed = sum((result) => result.passed)
const failed = sum((result) => result.failed)
const skipped = sum((result) => result.skipped.length)
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

async function work(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const result = await runFile(file, { dir, timeoutMs })
    results.push(result)
    print(result)
  }
}

function print({ file, ms, passed, failed, skipped, faults, output }: FileResult): void {
  const counts = `${passed} passed${failed > 0 ? `, ${failed} failed` : ''}`
  console.log(`${failed > 0 ? 'FAIL' : 'ok  '} ${file}  ${counts}  ${(ms / 1000).toFixed(1)} s`)
  for (const { title, why } of skipped) console.log(`     skipped ${title}: ${why}`)
  if (failed === 0) return
  if (output.trim() !== '') console.log(output.trimEnd().replaceAll(/^/gm, '     | '))
  for (const fault of faults) console.log(`     ${file}: ${fault}`)
}

function select(filters: string[]): string[] {
  const all = globSync('test/**/*.test.ts').sort()
  if (filters.length === 0)
    return longestFirst(values['with-livy'] ? all : all.filter((file) => !file.startsWith(LIVY)))
  const chosen = new Set<string>()
  for (const filter of filters) {
    const path = relative('', filter)
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) chosen.add(path)
    else for (const file of all) if (file.includes(path)) chosen.add(file)
  }
  return longestFirst([...chosen])
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isFinite(value) && value > 0) return value
  console.error(`--${name} has to be a positive number, not ${text}`)
  process.exit(2)
}
