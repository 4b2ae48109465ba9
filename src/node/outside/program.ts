/** Programs that know how to read an outside source: run without a shell, with an environment of their own, and ended in time. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { ArchipelError } from '../../protocols/model/errors.ts'

export interface ProgramInit {
  /** Its name, to be found on PATH, or its path. */
  command: string
  /** Beside PATH, HOME and those of proxies. */
  env: Record<string, string>
  /** What its end means, by its exit code and what it wrote; undefined where all is well. Nothing of the text goes into a message. */
  failureOf(code: number | null, stderr: string): ArchipelError | undefined
}

/** What it prints, until it has ended well, or nobody reads on. @throws what `failureOf` gives, SOURCE_UNREACHABLE */
export type Program = (args: readonly string[], signal: AbortSignal) => AsyncGenerator<Uint8Array>

/** Processes of one source at a time. */
const AT_ONCE = 8
/** Without a byte for so long, it counts as lost. */
const SILENCE_MS = 60_000
const MAX_STDERR = 16 * 1024
const PASSED_ON = ['PATH', 'HOME', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']

export function program(init: ProgramInit): Program {
  const waiting: (() => void)[] = []
  let free = AT_ONCE
  const own = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  const env = { ...Object.fromEntries(own), TZ: 'UTC', LC_ALL: 'C.UTF-8', ...init.env }

  /** @throws the reason of the signal: whoever does not want it any more waits for no other program to end */
  async function turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      const at = waiting.indexOf(resolve)
      // Its turn may have come at the same time: then it is given on.
      if (at < 0) return
      waiting.splice(at, 1)
      reject(signal.reason)
    }
    waiting.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  return async function* run(args, signal) {
    signal.throwIfAborted()
    if (free === 0) await turn(signal)
    else free--
    try {
      signal.throwIfAborted()
      yield* output(spawn(init.command, args, { stdio: ['ignore', 'pipe', 'pipe'], env }), init, signal)
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

async function* output(
  child: ChildProcessByStdio<null, Readable, Readable>,
  { command, failureOf }: ProgramInit,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const kill = () => void child.kill('SIGKILL')
  const closed = once(child, 'close').then(
    ([code]) => code as number | null,
    (cause: unknown) => cause as Error,
  )
  const silence = setTimeout(kill, SILENCE_MS)
  signal.addEventListener('abort', kill)
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < MAX_STDERR) stderr += chunk.toString('utf8')
  })
  try {
    for await (const chunk of child.stdout) {
      silence.refresh()
      yield chunk as Buffer
    }
    const end = await closed
    signal.throwIfAborted()
    if (end instanceof Error) throw missing(command, end)
    const failure = failureOf(end, stderr)
    if (failure !== undefined) throw failure
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', kill)
    kill()
    await closed
  }
}

function missing(command: string, cause: Error): ArchipelError {
  return new ArchipelError(
    'SOURCE_UNREACHABLE',
    `the program that reads the outside source does not run (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`,
    {
      hint: `The operator of that island installs ${command.split('/').at(-1)}, or names it by the option program in outside.sources.`,
      cause,
    },
  )
}

/** @throws UNREADABLE where a line is longer than any that a name can make */
export async function* linesOf(output: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_LINE) throw notUnderstood()
    yield* lines
  }
  if (rest !== '') yield rest
}

const MAX_LINE = 64 * 1024

export function notUnderstood(): ArchipelError {
  return new ArchipelError('UNREADABLE', 'the program that reads the outside source says what is not understood')
}

export const noSuchFile = () => new ArchipelError('NOT_FOUND', 'the outside source has no such file')
export const refused = () => new ArchipelError('SOURCE_REFUSED', 'the outside source refuses this island')
export const unreachable = () => new ArchipelError('SOURCE_UNREACHABLE', 'the outside source cannot answer now')
