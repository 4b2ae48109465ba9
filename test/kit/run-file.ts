import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseReport, REPORT_ENV, type ReportLine } from './report.ts'

/** What one test file came to. */
export interface FileResult {
  file: string
  ms: number
  passed: number
  /** At least 1 when `faults` is not empty. */
  failed: number
  skipped: { title: string; why: string }[]
  /** What the runner found wrong beyond the failures that the file itself printed. */
  faults: string[]
  output: string
}

export interface RunOptions {
  /** A directory of this run's own, for the reports. */
  dir: string
  timeoutMs: number
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
/** Only the end of a longer output is kept. */
const OUTPUT_MAX_CHARS = 400_000
/** Children of a test that ended in good order get this long to disappear. */
const STRAY_GRACE_MS = 1000

const running = new Set<number>()
let sequence = 0

/** Kills the process groups of all files that run now. */
export function killAll(): void {
  for (const pid of running) killGroup(pid)
}

/** Runs one test file in a process group of its own, which is gone when this returns. Never rejects for what the file does. */
export async function runFile(file: string, { dir, timeoutMs }: RunOptions): Promise<FileResult> {
  const reportPath = join(dir, `report-${++sequence}`)
  const started = performance.now()
  const child = spawn(process.execPath, [CHILD, file], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [REPORT_ENV]: reportPath },
  })
  let output = ''
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_MAX_CHARS)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const pid = child.pid
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    if (pid !== undefined) killGroup(pid)
  }, timeoutMs)
  if (pid !== undefined) running.add(pid)

  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const exit = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
  clearTimeout(timer)
  let strays: string[] = []
  if (pid !== undefined) {
    if (!timedOut) strays = await straysOf(pid)
    killGroup(pid)
    running.delete(pid)
    // A process that left the group may still hold the pipes.
    await Promise.race([closed, delay(STRAY_GRACE_MS, undefined, { ref: false })])
    child.stdout.destroy()
    child.stderr.destroy()
  }
  const lines = existsSync(reportPath) ? parseReport(readFileSync(reportPath, 'utf8')) : []
  rmSync(reportPath, { force: true })
  const why = { exit, timedOut: timedOut ? timeoutMs : undefined, strays }
  return { file, ms: Math.round(performance.now() - started), output, ...judge(lines, why) }
}

interface Ending {
  exit: string
  timedOut: number | undefined
  strays: string[]
}

type Verdict = Pick<FileResult, 'passed' | 'failed' | 'skipped' | 'faults'>

function judge(lines: ReportLine[], { exit, timedOut, strays }: Ending): Verdict {
  const verdict: Verdict = { passed: 0, failed: 0, skipped: [], faults: [] }
  const open = new Map<number, string>()
  let current: string | undefined
  let done = false
  let registered = 0
  for (const line of lines) {
    if (line.type === 'registered') {
      registered++
      open.set(line.id, line.title)
    } else if (line.type === 'start') current = line.title
    else if (line.type === 'end') {
      current = undefined
      open.delete(line.id)
      if (line.outcome === 'skipped') verdict.skipped.push({ title: line.title, why: line.why ?? '' })
      else verdict[line.outcome]++
    } else if (line.type === 'fault') verdict.faults.push(line.message)
    else if (line.type === 'leak')
      verdict.faults.push(`handles left open after the tests: ${line.resources.join(', ')}`)
    else done = true
  }
  const during = current === undefined ? '' : ` during "${current}"`
  if (timedOut !== undefined) verdict.faults.push(`still running after ${timedOut / 1000} s${during}: killed`)
  if (registered === 0) verdict.faults.push('no test was registered')
  if (!done && timedOut === undefined)
    verdict.faults.push(`the process ended (${exit})${during} before its tests were done`)
  else if (open.size > 0) {
    verdict.faults.push(`registered but not finished (is run() called?): ${[...open.values()].join('; ')}`)
  }
  if (strays.length > 0) verdict.faults.push(`processes left running: ${strays.join('; ')}`)
  if (verdict.faults.length === 0 && verdict.failed === 0 && exit !== 'exit code 0') {
    verdict.faults.push(`the process ended with ${exit} after its tests passed`)
  }
  verdict.failed += open.size
  if (verdict.faults.length > 0 && verdict.failed === 0) verdict.failed = 1
  return verdict
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is gone.
  }
}

async function straysOf(group: number): Promise<string[]> {
  const end = performance.now() + STRAY_GRACE_MS
  for (;;) {
    const found = membersOf(group)
    if (found.length === 0 || performance.now() > end) return found
    await delay(50)
  }
}

/** The living processes of a group, from /proc; elsewhere than on Linux none are found. */
function membersOf(group: number): string[] {
  try {
    process.kill(-group, 0)
  } catch {
    return []
  }
  if (!existsSync('/proc/self/stat')) return []
  const found: string[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // The name stands in parentheses and may hold spaces: pid (name) state parent group ...
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state === 'Z' || Number(pgrp) !== group) continue
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      found.push(`${entry} ${command.slice(0, 200)}`)
    } catch {
      // Ended between the listing and the reading.
    }
  }
  return found
}
