import { appendFileSync } from 'node:fs'

/**
 * What a test file tells the runner, one JSON object a line, appended synchronously to the file named by
 * `ARCHIPEL_KIT_REPORT`. So a process that dies at any point leaves a true account: a test that was `registered`
 * without an `end` did not finish, whatever the exit code says.
 */
export type ReportLine =
  | { type: 'registered'; id: number; title: string }
  | { type: 'start'; id: number; title: string }
  | { type: 'end'; id: number; title: string; outcome: Outcome; ms: number; why?: string }
  /** A failure outside every test: the clean-up of a suite. */
  | { type: 'fault'; message: string }
  | { type: 'done' }
  /** Handles that kept the process alive after its tests. */
  | { type: 'leak'; resources: string[] }

export type Outcome = 'passed' | 'failed' | 'skipped'

export const REPORT_ENV = 'ARCHIPEL_KIT_REPORT'

const path = process.env[REPORT_ENV]
// Children started by tests must not write into this report.
delete process.env[REPORT_ENV]

/** Does nothing when the file was not started by the runner. */
export function report(line: ReportLine): void {
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(line)}\n`)
}

/** Reads a report back; a last line cut by a kill is left out. */
export function parseReport(text: string): ReportLine[] {
  const lines: ReportLine[] = []
  for (const line of text.split('\n')) {
    try {
      if (line !== '') lines.push(JSON.parse(line) as ReportLine)
    } catch {
      break
    }
  }
  return lines
}
