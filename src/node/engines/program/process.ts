import { statfsSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { BoundDataset, EngineLimits } from '../port.ts'
import { type NeutralFiles, neutralFiles } from '../process/files.ts'
import { killChild, launchChild } from '../process/launch.ts'
import { programMark } from '../process/mark.ts'
import { oomWatch } from '../process/oom.ts'
import type { Tools } from '../process/tools.ts'
import { childrenOf, killMarked, type ProcessTree, processTree, sharedOnce } from '../process/tree.ts'
import { openChannel } from './channel.ts'
import { causeOfEnd } from './death.ts'
import { encode, type Frame, frames } from './frames.ts'
import { type Language, PROGRAM_SYSTEM } from './languages.ts'

export interface ProgramInit {
  language: Language
  tools: Tools
  limits: Required<EngineLimits>
  datasets: BoundDataset[]
  /** A folder of the engine alone, on a disk. */
  scratchDir: string
  /** All that the program prints, as it comes. */
  onOutput(chunk: Buffer): void
}

export interface ProgramProcess {
  readonly dead: boolean
  /** Why it ended. */
  readonly verdict: ArchipelError | undefined
  /** Settles when nothing is left of it. */
  readonly exited: Promise<void>
  /** The files as the program sees them, one list for each dataset. */
  readonly paths: string[][]
  /** A folder for what is on its way, removed at the end. */
  readonly dir: string
  /** What the driver says; nothing is read from it meanwhile. */
  onFrame: (frame: Frame | undefined) => Promise<void>
  send(kind: 'J' | 'B', body: string): void
  /** What it prints counts from 0 again: a statement begins. */
  countAnew(): void
  /** Ctrl-C. */
  interrupt(): void
  /** Settles when what was printed before has been read. */
  settled(): Promise<void>
  /** Ends it and all that came of it, for this reason. */
  kill(error: ArchipelError): void
}

/** The folder as a sandbox shows it. */
const CHANNEL = '/channel'
const WORK = '/work'
const WATCH_MS = 50
/** Private memory that is mapped but never touched: stacks and arenas of threads. */
const DATA_SLACK_BYTES = 1024 ** 3
/** Files in the scratch folder; each costs memory of the kernel. */
const MAX_INODES = 50_000
/** The kernel counts threads, too. */
const THREADS_A_PROCESS = 4
/** Turns of the event loop that output may take to arrive. */
const SETTLE_TURNS = 1000

/** Starts a driver in a process of its own, bounded and watched from its first moment to its last. */
export async function startProgram(init: ProgramInit): Promise<ProgramProcess> {
  const { language, tools, limits, datasets } = init
  const boxed = tools.bwrap !== undefined
  await mkdir(init.scratchDir, { recursive: true })
  const dir = await mkdtemp(join(await realpath(init.scratchDir), 'run-'))
  let neutral: NeutralFiles | undefined
  try {
    const groups = datasets.map(({ paths }) => paths)
    neutral = await neutralFiles(groups, { sandbox: boxed, scratchDir: init.scratchDir, keepNames: true })
    const channel = await openChannel(join(dir, 'channel'))
    await mkdir(join(dir, 'work'))
    const work = boxed ? WORK : join(dir, 'work')
    const { command, env } = boxed ? language.inSandbox : language.outside
    const mark = await programMark(init.scratchDir)
    const child = launchChild({
      tools,
      sandbox: {
        binds: [...language.binds, ...neutral.binds, { from: join(dir, 'channel'), to: CHANNEL }],
        system: PROGRAM_SYSTEM,
        scratch: { path: WORK, bytes: limits.scratchBytes },
        chdir: WORK,
      },
      command: [...command, boxed ? CHANNEL : join(dir, 'channel'), work],
      env: {
        ...env,
        ...threads(limits.threads),
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: work,
        TMPDIR: work,
        USER: 'island',
        LOGNAME: 'island',
        ...(boxed ? {} : { ARCHIPEL_PROGRAM: mark }),
      },
      cwd: work,
      cpuMs: limits.cpuMs,
      dataBytes: limits.memoryBytes + DATA_SLACK_BYTES,
      fileBytes: limits.scratchBytes,
      files: neutral.paths.flat().length + 512,
      processes: limits.processes * THREADS_A_PROCESS,
      apart: true,
    })
    return watched({ init, dir, neutral, channel, child, boxed, mark })
  } catch (error) {
    await neutral?.release()
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

/** Libraries that count the machine's processors take them all. */
const threads = (n: number) =>
  Object.fromEntries(['OMP', 'OPENBLAS', 'MKL', 'NUMEXPR'].map((library) => [`${library}_NUM_THREADS`, String(n)]))

interface Parts {
  init: ProgramInit
  dir: string
  neutral: NeutralFiles
  channel: Awaited<ReturnType<typeof openChannel>>
  child: ReturnType<typeof launchChild>
  boxed: boolean
  mark: string
}

function watched({ init, dir, neutral, channel, child, boxed, mark }: Parts): ProgramProcess {
  const { limits } = init
  const gone = Promise.withResolvers<void>()
  let dead = false
  let killed = false
  let verdict: ArchipelError | undefined
  let printed = 0
  let peak = 0
  const oom = oomWatch()

  child.stdin.on('error', () => {})
  child.stdin.end()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      if (killed) return
      printed += chunk.length
      if (printed > limits.outputBytes)
        return kill(
          new ArchipelError('RESULT_LIMIT', `the program printed more than ${limits.outputBytes} bytes`, {
            hint: 'Print less, or write it to a file in the folder that `archipel.output()` gives.',
          }),
        )
      init.onOutput(chunk)
    })
  }

  function kill(error: ArchipelError): void {
    verdict ??= error
    dead = killed = true
    killChild(child)
  }

  /** The processes around the interpreter: bubblewrap and its child, or the one that stands between. */
  const around = boxed ? 2 : init.tools.apart === undefined ? 0 : 1

  function interpreter(): number | undefined {
    try {
      let pid = child.pid
      for (let depth = 0; depth < around && pid !== undefined; depth++) pid = childrenOf(pid)[0]
      return pid
    } catch {
      return undefined
    }
  }

  function look(): void {
    if (child.pid === undefined || dead) return
    const tree = processTree(child.pid)
    peak = Math.max(peak, tree.residentBytes)
    const error = excess(tree) ?? excessFiles()
    if (error !== undefined) kill(error)
  }

  function excess({ residentBytes, pids, cpuMs }: ProcessTree): ArchipelError | undefined {
    if (pids.length > limits.processes + around)
      return new ArchipelError('CODE_FAILED', `the program started more than ${limits.processes} processes`)
    // Many small processes are not much memory: what they share is counted once.
    if (residentBytes > limits.memoryBytes && sharedOnce(pids) > limits.memoryBytes)
      return new ArchipelError('MEMORY_LIMIT', 'the program needed more memory than the island allows')
    if (cpuMs > limits.cpuMs)
      return new ArchipelError('TIME_LIMIT', 'the program used up the processor time that the island allows')
    return undefined
  }

  function excessFiles(): ArchipelError | undefined {
    const pid = interpreter()
    if (!boxed || pid === undefined) return undefined
    try {
      const { files, ffree } = statfsSync(`/proc/${pid}/root${WORK}`)
      if (files - ffree > MAX_INODES)
        return new ArchipelError('DISK_LIMIT', `the program made more than ${MAX_INODES} files`)
    } catch {
      // Not set up yet, or not ours to see: the bytes are bounded all the same.
    }
    return undefined
  }

  const watch = setInterval(look, WATCH_MS)

  async function end(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    dead = true
    clearInterval(watch)
    verdict ??= causeOfEnd(code, signal, { large: peak > limits.memoryBytes / 2, oom: oom() })
    if (!boxed) await killMarked(mark)
    if (child.pid !== undefined && !child.stdout.closed)
      // Whoever still holds the pipe of a sandbox is about to go with it.
      await Promise.race([new Promise((resolve) => child.once('close', resolve)), gracePeriod()])
    child.stdout.destroy()
    child.stderr.destroy()
    channel.close()
    await neutral.release().catch(() => {})
    await rm(dir, { recursive: true, force: true }).catch(() => {})
    gone.resolve()
  }
  child.once('error', () => void end(null, null))
  child.once('exit', (code, signal) => void end(code, signal))

  const self: ProgramProcess = {
    get dead() {
      return dead
    },
    get verdict() {
      return verdict
    },
    exited: gone.promise,
    paths: neutral.paths,
    dir,
    onFrame: async () => {},
    countAnew() {
      printed = 0
    },
    send(kind, body) {
      if (!dead) channel.requests.write(encode(kind, body))
    },
    interrupt() {
      const pid = interpreter()
      if (pid === undefined || dead) return
      try {
        process.kill(pid, 'SIGINT')
      } catch {
        // It has just ended.
      }
    },
    async settled() {
      for (let turn = 0, before = -1; turn < SETTLE_TURNS && before !== printed; turn++) {
        before = printed
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    kill,
  }
  void (async () => {
    try {
      for await (const frame of frames(channel.replies)) await self.onFrame(frame)
    } catch {
      // The pipe was closed under the reader: the process has ended.
    }
  })()
  return self
}

const GRACE_MS = 2_000
function gracePeriod(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, GRACE_MS).unref())
}
