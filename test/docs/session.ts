/** Runs the commands of a page as a reader would: one after the other, in the folder of the clone, with a home of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, freePort, type TestContext } from '../kit/index.ts'
import type { Command, Directive } from './markdown.ts'
import { firstMissing, normalise } from './output.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** A reader asks these again until the news has arrived. */
const QUESTION =
  /^archipel (--data-dir \S+ )?(islands|datasets|show|resolve|sql|status|journal|tasks|livy list)\b|^curl (?!.* (--json|-X) )/
/** Where pages have their Livy. */
const LIVY = 'http://127.0.0.1:8998'
const PATIENCE_MS = 20_000

export interface Session {
  run(command: Command, directive: Directive, isLast: boolean): Promise<void>
  stop(): Promise<void>
}

/** `livy` is the address of the Livy that stands for the one of the page. */
export async function openSession(t: TestContext, { livy = LIVY }: { livy?: string } = {}): Promise<Session> {
  const home = await t.tmpdir()
  const bin = join(home, '.bin')
  await mkdir(bin)
  await symlink(join(ROOT, 'bin', 'archipel.js'), join(bin, 'archipel'))
  const env = {
    PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: home,
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  }
  /** Aliases and variables of the reader's shell. */
  const prelude = ['shopt -s expand_aliases']
  const ports = new Map<string, number>()
  const staying = new Set<ChildProcess>()

  async function portFor(port: string): Promise<number> {
    const free = ports.get(port) ?? (await freePort())
    ports.set(port, free)
    return free
  }

  /** Ports of the page become free ones; an island made without any gets those that stand for the default ones. */
  async function onFreePorts(text: string): Promise<string> {
    for (const [port] of text.matchAll(/\b94[1-9]\d\b/g)) await portFor(port)
    const mapped = text.replaceAll(LIVY, livy).replace(/\b94[1-9]\d\b/g, (port) => String(ports.get(port)))
    if (!/^archipel (--data-dir \S+ )?create\b/.test(mapped) || mapped.includes('--listen')) return mapped
    return `${mapped} --listen /ip4/127.0.0.1/tcp/${await portFor('9410')} --web-port ${await portFor('9411')}`
  }

  function start(script: string): { child: ChildProcess; output(): string; ended: Promise<number | null> } {
    const child = spawn('bash', ['--norc', '-c', `exec 2>&1\n${script}`], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    t.cleanup(() => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
    })
    return { child, output: () => text, ended }
  }

  function check(command: Command, printed: string): void {
    const missing = firstMissing(normalise(command.output.join('\n'), home), normalise(printed, home))
    if (missing !== undefined)
      throw new Error(`$ ${command.text}\ndoes not print the line\n  ${missing}\nbut\n${printed}`)
  }

  async function once(command: Command, text: string, exit: number): Promise<void> {
    const { output, ended } = start([...prelude, text].join('\n'))
    const code = await ended
    if (code !== exit) throw new Error(`$ ${command.text}\nended with ${code}, not ${exit}:\n${output()}`)
    check(command, output())
  }

  async function stay(command: Command, text: string): Promise<void> {
    const { child, output, ended } = start(`exec ${text}`)
    staying.add(child)
    let end: number | null | undefined
    void ended.then((code) => {
      end = code
      staying.delete(child)
    })
    await eventually(
      () => {
        check(command, output())
        return true
      },
      { timeoutMs: PATIENCE_MS, signal: t.signal },
    )
    if (end !== undefined) throw new Error(`$ ${command.text}\ndid not stay, but ended with ${end}:\n${output()}`)
  }

  async function stop(): Promise<void> {
    await Promise.all(
      [...staying].map(async (child) => {
        // The shell around an island may end by the signal itself.
        const ended = new Promise<number | null>((resolve) =>
          child.once('exit', (code, signal) => resolve(signal === 'SIGTERM' ? 0 : code)),
        )
        process.kill(-child.pid!, 'SIGTERM')
        const code = await ended
        if (code !== 0) throw new Error(`an island that was told to stop ended with ${code}`)
      }),
    )
  }

  return {
    async run(command, { stays, exit }, isLast) {
      const text = await onFreePorts(command.text)
      if (stays && isLast) await stay(command, text)
      else if (QUESTION.test(text))
        await eventually(() => once(command, text, exit), { timeoutMs: PATIENCE_MS, signal: t.signal })
      else await once(command, text, exit)
      if (/^(alias|export) /.test(text)) prelude.push(text)
    },
    stop,
  }
}
