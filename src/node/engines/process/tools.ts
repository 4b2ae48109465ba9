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
  if (mode === 'off') return { ...tools, reason: 'switched off in the configuration' }
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
  return { ...tools, reason: failure }
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
