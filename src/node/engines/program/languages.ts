import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Bind } from '../process/sandbox.ts'
import { which } from '../process/tools.ts'

export type ProgramKind = 'python' | 'r'

/** A language of this machine: how its driver is started, in a sandbox and without one. */
export interface Language {
  kind: ProgramKind
  version: string
  binds: Bind[]
  inSandbox: { command: string[]; env: Record<string, string> }
  outside: { command: string[]; env: Record<string, string> }
}

const run = promisify(execFile)
const PROBE_TIMEOUT_MS = 20_000
const driversDir = fileURLToPath(new URL('../drivers/', import.meta.url))
const DRIVERS_IN_SANDBOX = '/app/driver'

/** Shown where the machine has them: R needs a shell to load its packages, plots need fonts, times their zones. */
export const PROGRAM_SYSTEM = [
  '/bin',
  '/usr/bin',
  '/etc/alternatives',
  '/etc/fonts',
  '/etc/R',
  '/usr/share/R',
  '/usr/share/fonts',
  '/usr/share/zoneinfo',
]

/** Under these a sandbox shows the machine's libraries by their own names already. */
const isStandard = (path: string) => /^\/usr\/(local\/)?lib(64)?(\/|$)/.test(path)

async function probe(command: string, args: string[]): Promise<string> {
  const { stdout } = await run(command, args, { timeout: PROBE_TIMEOUT_MS, cwd: '/', env: process.env })
  return stdout
}

const PYTHON_PROBE = `
import json, os, sys
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable, "base": sys.base_prefix,
  "real": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable), "path": [p for p in sys.path if os.path.isdir(p)]}))`

/** @returns the language, or why it is missing */
export async function findPython(name: string): Promise<Language | string> {
  const found = await which(name)
  if (found === undefined) return `${name} is not installed`
  const told = await probe(found, ['-I', '-c', PYTHON_PROBE]).then(JSON.parse, () => undefined)
  if (told === undefined) return `${name} does not run`
  const { version, executable, base, real, path } = told as Record<string, string> & { path: string[] }
  if (Number(version!.split('.')[0]) < 3 || Number(version!.split('.')[1]) < 8)
    return `Python ${version} is too old: 3.8 or later is needed`
  const home = await realpath(base!)
  const standard = home === '/usr' || home === '/usr/local'
  const binds: Bind[] = [{ from: driversDir, to: DRIVERS_IN_SANDBOX }]
  if (!standard) binds.push({ from: home, to: '/app/python' })
  else if (!real!.startsWith('/usr/bin/')) binds.push({ from: real!, to: real! })
  const inside = standard ? real! : join('/app/python', relative(home, real!))
  const sites: string[] = []
  for (const dir of path) {
    const place = await realpath(dir)
    if (!relative(home, place).startsWith('..') ? !standard || isStandard(place) : isStandard(place)) continue
    sites.push(`/app/site/${sites.length}`)
    binds.push({ from: place, to: sites.at(-1)! })
  }
  const flags = ['-I', '-B', '-X', 'utf8']
  const env = { LC_ALL: 'C.UTF-8', MPLBACKEND: 'Agg' }
  return {
    kind: 'python',
    version: version!,
    binds,
    inSandbox: {
      command: [inside, ...flags, `${DRIVERS_IN_SANDBOX}/driver.py`],
      env: {
        ...env,
        ARCHIPEL_SITES: sites.join(':'),
        ...(standard ? {} : { LD_LIBRARY_PATH: '/app/python/lib' }),
      },
    },
    outside: { command: [executable!, ...flags, join(driversDir, 'driver.py')], env },
  }
}

/**
 * What `Rscript` would run, without running it: the script `R` tells the home, and the files there the rest.
 * @returns the language, or why it is missing
 */
export async function findR(name: string): Promise<Language | string> {
  const found = await which(name)
  if (found === undefined) return `${name} is not installed`
  const home = (await probe(join(dirname(await realpath(found)), 'R'), ['RHOME']).catch(() => '')).trim()
  const text = async (path: string) => await readFile(join(home, path), 'utf8').catch(() => '')
  const version = /^Version:\s*(\S+)/m.exec(await text('library/base/DESCRIPTION'))?.[1]
  if (!home.startsWith('/') || version === undefined) return `${name} does not run`
  const script = await text('bin/R')
  const binds: Bind[] = [{ from: driversDir, to: DRIVERS_IN_SANDBOX }]
  const prefix = dirname(dirname(home))
  const standard = isStandard(home)
  if (!standard) binds.push({ from: prefix, to: '/app/r' })
  const shown = (path: string) =>
    standard || relative(prefix, path).startsWith('..') ? path : join('/app/r', relative(prefix, path))
  const command = (at: string, drivers: string) => [
    `${at}/bin/exec/R`,
    ...['--no-echo', '--no-restore', '--no-save', '--no-site-file', '--no-init-file'],
    `--file=${drivers}/driver.R`,
    '--args',
  ]
  const env = (map: (path: string) => string) => ({
    LC_ALL: 'C.UTF-8',
    R_HOME: map(home),
    LD_LIBRARY_PATH: `${map(home)}/lib${standard ? '' : `:${map(join(prefix, 'lib'))}`}`,
    ...Object.fromEntries(
      [...script.matchAll(/^(R_(?:SHARE|INCLUDE|DOC)_DIR)=(\/\S+)$/gm)].map(([, key, dir]) => [key!, map(dir!)]),
    ),
  })
  return {
    kind: 'r',
    version,
    binds,
    inSandbox: { command: command(shown(home), DRIVERS_IN_SANDBOX), env: env(shown) },
    outside: { command: command(home, driversDir.replace(/\/$/, '')), env: env((path) => path) },
  }
}
