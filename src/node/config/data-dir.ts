/** Where an island's data are: asked by every command, so without the schema. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'

export type Env = Record<string, string | undefined>

/** `$XDG_DATA_HOME/archipel`, or `~/.local/share/archipel`. */
export function defaultDataDir(env: Env): string {
  const xdg = env.XDG_DATA_HOME
  // XDG Base Directory Specification: a relative path there is to be ignored.
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.local', 'share'), 'archipel')
}

/** `~/x` and relative paths made absolute. */
export function expandPath(path: string, env: Env): string {
  return resolve(path === '~' || path.startsWith('~/') ? join(env.HOME || homedir(), path.slice(1)) : path)
}

/** The settings of a JSON file, unchecked. @throws CONFIG_INVALID */
export function readConfigFile(path: string, options: { mustExist: boolean }): Record<string, unknown> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && !options.mustExist) return undefined
    throw new ArchipelError('CONFIG_INVALID', `the file ${path} cannot be read (${code})`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new ArchipelError('CONFIG_INVALID', `the file ${path} is not JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ArchipelError('CONFIG_INVALID', `the file ${path} has to hold one JSON object`)
  }
  return value as Record<string, unknown>
}

export interface DataDirFlags {
  dataDir?: string
  config?: string
}

/** Flag, then ARCHIPEL_DATA_DIR, then `dataDir` of the file named by --config or ARCHIPEL_CONFIG, then the default. @throws CONFIG_INVALID */
export function dataDirOf(flags: DataDirFlags, env: Env): string {
  // A file that is named has to be there, also where nothing in it is asked for.
  const file = flags.config || env.ARCHIPEL_CONFIG
  const inFile = file ? readConfigFile(expandPath(file, env), { mustExist: true })?.dataDir : undefined
  const named = flags.dataDir || env.ARCHIPEL_DATA_DIR
  if (named) return expandPath(named, env)
  return typeof inFile === 'string' && inFile !== '' ? expandPath(inFile, env) : defaultDataDir(env)
}
