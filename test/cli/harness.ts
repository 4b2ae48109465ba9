import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from '../kit/index.ts'
import { type Served, serve, TOKEN } from '../web/harness.ts'

const MAIN = fileURLToPath(new URL('../../src/node/cli/main.ts', import.meta.url))
export const FAKE_MAIN = fileURLToPath(new URL('./fake-main.ts', import.meta.url))

export interface Run {
  code: number | null
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcess
  /** All of it, once the process has ended. */
  ended: Promise<Run>
  /** Resolves when stdout or stderr holds the text; rejects when the process ends without. */
  shows(text: string | RegExp): Promise<void>
}

export interface Env {
  env?: Record<string, string>
  stdin?: string
  main?: string
  cwd?: string
}

/** The command line as a process of its own, with nothing of the environment but PATH, HOME and where compiled code is kept. */
export function start(t: TestContext, args: string[], { env = {}, stdin, main = MAIN, cwd }: Env = {}): Running {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH, HOME: '/nonexistent', NODE_COMPILE_CACHE, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  t.cleanup(() => void child.kill('SIGKILL'))
  const run: Run = { code: null, stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      run[name] += chunk
      for (const watch of watchers) watch()
    })
  }
  child.stdin.on('error', () => {})
  if (stdin !== undefined || main === MAIN) child.stdin.end(stdin)
  const ended = new Promise<Run>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...run, code }))
  })
  return {
    child,
    ended,
    shows: (text) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          if (
            !(typeof text === 'string'
              ? `${run.stdout}${run.stderr}`.includes(text)
              : text.test(`${run.stdout}${run.stderr}`))
          )
            return
          watchers.delete(watch)
          resolve()
        }
        watchers.add(watch)
        watch()
        ended.then(
          (r) => reject(new Error(`ended with ${r.code} before it showed ${text}: ${r.stdout}${r.stderr}`)),
          reject,
        )
      }),
  }
}

export function cli(t: TestContext, args: string[], options?: Env): Promise<Run> {
  return start(t, args, options).ended
}

/** A served island with the data directory of a daemon that runs it. */
export async function daemonDir(
  t: TestContext,
): Promise<Served & { dir: string; run(args: string[], options?: Env): Promise<Run> }> {
  const served = await serve(t)
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'owner.token'), `${TOKEN}\n`, { mode: 0o600 })
  await writeFile(join(dir, 'daemon.json'), JSON.stringify({ pid: process.pid, url: served.url }))
  return { ...served, dir, run: (args, options) => cli(t, ['--data-dir', dir, ...args], options) }
}
