import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file or folder of this machine and the path under which the sandbox shows it, read-only. */
export interface Bind {
  from: string
  to: string
}

export interface SandboxInit {
  /** Shown read-only. A missing one is an error. */
  binds: Bind[]
  /** Shown read-only under their own names, where the machine has them. */
  system?: string[]
  /** A folder to write to, held in memory: its path and bytes. The rest is read-only. */
  scratch?: { path: string; bytes: number }
  chdir?: string
}

/** The SQL child's program, in TypeScript or, in the built package, JavaScript. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const childDir = fileURLToPath(new URL('../child/', import.meta.url))
export const CHILD_MAIN = `${childDir}main${EXTENSION}`

export const NODE_IN_SANDBOX = '/app/node'
export const CHILD_MAIN_IN_SANDBOX = `/app/child/main${EXTENSION}`

/** Where shared libraries live; those that a machine lacks are left out. */
const LIBRARIES = [
  '/lib',
  '/lib64',
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/nix/store',
  '/gnu/store',
  '/etc/ld.so.cache',
]

/**
 * The one file of /proc in the sandbox (the others tell about the machine, mount points included): without it jemalloc
 * believes that memory is not overcommitted, and a refused allocation ends in a crash instead of an error.
 */
const OVERCOMMIT = '/proc/sys/vm/overcommit_memory'

const SHARED_MEMORY_BYTES = 64 * 1024 ** 2

/**
 * Bubblewrap's arguments up to the command: no network, no other processes, nothing of the file system but the system's
 * libraries and `binds`, all read-only, and the scratch folder. The process dies with the daemon.
 */
export function sandboxArguments({ binds, system = [], scratch, chdir = '/' }: SandboxInit): string[] {
  const sharedMemory = String(Math.min(SHARED_MEMORY_BYTES, scratch?.bytes ?? 0))
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    ...['--cap-drop', 'ALL'],
    ...['--hostname', 'island'],
    ...[...LIBRARIES, ...system].flatMap((path) => ['--ro-bind-try', path, path]),
    ...['--dev', '/dev'],
    // Semaphores and shared memory of programs, which would else fill a tmpfs without a bound.
    ...(scratch === undefined ? [] : ['--size', sharedMemory, '--tmpfs', '/dev/shm']),
    ...['--remount-ro', '/dev'],
    ...['--ro-bind-try', OVERCOMMIT, OVERCOMMIT],
    ...binds.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...(scratch === undefined ? [] : ['--size', String(scratch.bytes), '--tmpfs', scratch.path]),
    ...['--remount-ro', '/'],
    ...['--chdir', chdir],
  ]
}

/** What a SQL child needs to see beside its data: Node, DuckDB and its own folder. */
export function sqlBinds(): Bind[] {
  return [{ from: process.execPath, to: NODE_IN_SANDBOX }, { from: childDir, to: '/app/child' }, ...duckdbPackages()]
}

let packages: Bind[] | undefined

/** DuckDB's three packages: the API, the loader and this platform's library, wherever npm put them. */
function duckdbPackages(): Bind[] {
  if (packages !== undefined) return packages
  const found: Bind[] = []
  const visit = (name: string, from: string) => {
    let manifest: string
    const require = createRequire(from)
    try {
      manifest = require.resolve(`${name}/package.json`)
    } catch {
      return
    }
    found.push({ from: dirname(manifest), to: `/app/node_modules/${name}` })
    const { dependencies, optionalDependencies } = require(manifest) as Record<
      string,
      Record<string, string> | undefined
    >
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) visit(next, manifest)
  }
  visit('@duckdb/node-api', import.meta.url)
  packages = found
  return found
}
