/** Runs one command line: signals, exit codes, errors in words or JSON. */
import type { Command, CommanderError } from 'commander'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { exitCode } from '../../protocols/model/exit-codes.ts'
import type { IslandClient } from '../../web/client/index.ts'
import type { Cli, GlobalFlags } from './context.ts'
import type { DaemonPort } from './daemon-port.ts'
import { type Io, printError, terminal } from './io.ts'
import { buildProgram, commandName, loadCommands } from './program.ts'

export interface RunInit {
  /** The functions of `node/daemon.ts`, loaded when a command needs them. */
  daemon: () => Promise<DaemonPort>
}

const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
/** Launchers (npm, timeout, systemd) pass a signal on that the whole group got already: within this time it is one. */
const SAME_SIGNAL_MS = 1500

/** @returns the exit code. Never throws. */
export async function runCli(argv: string[], init: RunInit): Promise<number> {
  const abort = new AbortController()
  let signalCode: number | undefined
  let signalAt = 0
  let daemonLike = false
  let client: IslandClient | undefined
  let unwatch = () => {}
  let lost: ArchipelError | undefined
  let io: Io | undefined
  const program = buildProgram()
  const name = commandName(argv)

  const cli: Cli = {
    program,
    globals: () => program.opts<GlobalFlags>(),
    get io() {
      const { json, quiet, color } = program.opts<GlobalFlags>()
      io ??= terminal({ json: json ?? false, quiet: quiet ?? false, color: color ?? true })
      return io
    },
    signal: abort.signal,
    async client() {
      const [{ createClient }, { findIsland }, { watchIsland }] = await Promise.all([
        import('../../web/client/node.ts'),
        import('./remote.ts'),
        import('./watch.ts'),
      ])
      if (client !== undefined) return client
      const made = createClient(findIsland(cli.globals(), process.env))
      client = made
      unwatch = watchIsland(made, (error) => {
        lost = error
        void made.close()
      })
      return made
    },
    async config(flags = {}) {
      const { loadConfig } = await import('../config/load.ts')
      const { dataDir, config } = cli.globals()
      return loadConfig({ flags: { dataDir, config, ...flags }, env: process.env })
    },
    daemon: init.daemon,
    endsBySignal() {
      daemonLike = true
    },
    goesOn: undefined,
    exitCode: 0,
    troubleCode: undefined,
    loadAll: () => loadCommands(program, cli),
  }

  /** Why a call failed, where the island knows less of it than we do. */
  async function explained(error: ArchipelError | undefined): Promise<ArchipelError | undefined> {
    unwatch()
    if (error === undefined || client === undefined || signalCode !== undefined) return error
    const { afterFailure } = await import('./watch.ts')
    const told = lost ?? (await afterFailure(error, client))
    if (told.code !== 'NOT_RUNNING' || cli.goesOn === undefined) return told
    return new ArchipelError(told.code, told.message, { hint: cli.goesOn, cause: told })
  }

  const onSignal = (signal: NodeJS.Signals) => {
    const code = SIGNAL_CODES[signal as keyof typeof SIGNAL_CODES]
    if (signalCode !== undefined) {
      if (performance.now() - signalAt > SAME_SIGNAL_MS) process.exit(code)
      return
    }
    signalCode = code
    signalAt = performance.now()
    abort.abort(new DOMException('interrupted', 'AbortError'))
  }
  for (const signal of Object.keys(SIGNAL_CODES)) process.on(signal, onSignal)
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  process.stderr.on('error', () => {})

  try {
    await loadCommands(program, cli, name === undefined ? [] : [name])
    await program.parseAsync(argv, { from: 'user' })
    return signalCode !== undefined && !daemonLike ? signalCode : cli.exitCode
  } catch (cause) {
    const error = await explained(fromCommander(cause, program))
    if (error === undefined) return 0
    const json = cli.globals().json ?? argv.includes('--json')
    const interrupted = signalCode !== undefined && error.code === 'CANCELLED'
    if (!interrupted || json) printError(error.toInfo(), json)
    if (error.code === 'INTERNAL' && process.env.ARCHIPEL_DEBUG) console.error(error.cause ?? error)
    return interrupted ? signalCode! : (cli.troubleCode ?? exitCode(error.code))
  } finally {
    unwatch()
    await client?.close()
    // A launcher may pass the same signal on a moment later: it must not find the default action, which kills.
    if (signalCode === undefined) for (const signal of Object.keys(SIGNAL_CODES)) process.off(signal, onSignal)
  }
}

/** What commander throws, as an error of ours; undefined when it only printed help or the version. */
function fromCommander(cause: unknown, program: Command): ArchipelError | undefined {
  const { code = '', exitCode: exit, message = '' } = cause as Partial<CommanderError>
  if (typeof code !== 'string' || !code.startsWith('commander.')) return toArchipelError(cause)
  if (exit === 0) return undefined
  const called = program.args[0]
  const known = program.commands.some((command) => command.name() === called)
  const hint = `See \`archipel ${known ? `${called} ` : ''}--help\`.`
  if (code === 'commander.help') return new ArchipelError('BAD_INPUT', 'no command was given', { hint })
  return new ArchipelError('BAD_INPUT', message.replace(/^error: /, '').replaceAll('\n', ' '), { hint, cause })
}
