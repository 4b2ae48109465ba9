import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { NODE_IN_SANDBOX, sandboxArguments, sqlBinds } from './sandbox.ts'

/** `auto` uses bubblewrap where it works; `required` refuses to start without it. */
export type SandboxMode = 'auto' | 'off' | 'required'

/** What this machine offers to hold a child. */
export interface Tools {
  /** Path of bubblewrap, when it really works here. */
  bwrap?: string
  /** Path of util-linux' prlimit. */
  prlimit?: string
  /**
   * coreutils' timeout and util-linux' setpriv: without a sandbox a program is a child of the first, not of the daemon, and
   * the second lets the kernel end it with its parent.
   */
  apart?: { timeout: string; setpriv: string }
  /** Why there is no sandbox. */
  reason?: string
}

const PROBE_TIMEOUT_MS = 5_000

/**
 * Looks the tools up and tries them: a machine may have bubblewrap and forbid the namespaces it needs.
 * @throws ENGINE_DOWN when the sandbox is required and does not work
 */
export async function findTools(mode: SandboxMode): Promise<Tools> {
  const tools: Tools = {}
  const prlimit = await which('prlimit')
  if (prlimit !== undefined && (await works(prlimit, ['--core=0', '--', process.execPath, '--version'])) === undefined)
    tools.prlimit = prlimit
  if (mode === 'off') return { ...tools, ...(await findApart()), reason: 'switched off in the configuration' }
  const bwrap = await which('bwrap')
  const failure =
    bwrap === undefined
      ? 'bubblewrap (bwrap) is not installed'
      : await works(bwrap, [...sandboxArguments({ binds: sqlBinds() }), '--', NODE_IN_SANDBOX, '--version'])
  if (failure === undefined) return { ...tools, bwrap: bwrap! }
  if (mode === 'required')
    throw new ArchipelError('ENGINE_DOWN', `the sandbox is required and does not work: ${failure}`, {
      hint: 'Install bubblewrap and allow unprivileged user namespaces, or set the sandbox to "auto".',
    })
  return { ...tools, ...(await findApart()), reason: failure }
}

async function findApart(): Promise<Pick<Tools, 'apart'>> {
  const [timeout, setpriv] = await Promise.all([which('timeout'), which('setpriv')])
  if (timeout === undefined || setpriv === undefined) return {}
  const [command, ...args] = keptApart({ timeout, setpriv }, [process.execPath, '--version'])
  return (await works(command!, args)) === undefined ? { apart: { timeout, setpriv } } : {}
}

/** The command below a process of its own that ends when the daemon does, and takes the command along. */
export function keptApart({ timeout, setpriv }: Required<Tools>['apart'], command: string[]): string[] {
  const withParent = [setpriv, '--pdeathsig', 'KILL', '--']
  return [...withParent, timeout, '--foreground', '0', ...withParent, ...command]
}

/** The first executable of that name on PATH; a path is taken as it is. */
export async function which(name: string): Promise<string | undefined> {
  if (name.includes('/'))
    return await access(name, constants.X_OK).then(
      () => name,
      () => undefined,
    )
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/bin']) {
    if (dir === '') continue
    const path = join(dir, name)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

/** Undefined when the command ends well, else why not. */
/** Runs to its end even when the start is given up: bwrap killed before it has set itself up would leave its child behind. */
function works(command: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: PROBE_TIMEOUT_MS, env: {} }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined)
      else resolve(stderr.trim().split('\n').at(-1)?.slice(0, 200) || 'it does not run here')
    })
  })
}
