/** Flags > environment > file > defaults, checked as a whole; every complaint names where the value came from. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { issueText } from '../../protocols/model/issues.ts'
import { type DataDirFlags, dataDirOf, type Env, expandPath, readConfigFile } from './data-dir.ts'
import { didYouMean, nearest } from './nearest.ts'
import { shownValue } from './reference.ts'
import { type Config, configSchema } from './schema.ts'
import { fromText, SETTINGS, type Setting } from './settings.ts'

export interface ConfigFlags extends DataDirFlags {
  /** Settings by path; text is read as from the environment, other values are taken as they are. */
  settings?: Record<string, unknown>
  /** `path=value`, from `--set`. They win over `settings`. */
  set?: string[]
}

export interface LoadInit {
  flags?: ConfigFlags
  env?: Env
}

export interface LoadedConfig {
  config: Config
  /** Where each setting came from: `default`, a file, a variable or a flag. */
  sources: Record<string, string>
  /** The file that was read, if there was one. */
  file: string | undefined
}

/** Of what was loaded, so that a running island can tell. */
const LOADED = new WeakMap<Config, Record<string, string>>()

const BY_PATH = new Map(SETTINGS.map((setting) => [setting.path, setting]))
/** Variables that are not settings. */
const OTHER_ENV = ['ARCHIPEL_CONFIG', 'ARCHIPEL_TOKEN', 'ARCHIPEL_ISLAND']
/** A variable this near to a known one is a slip; others may belong to anybody (Kubernetes makes `ARCHIPEL_PORT`). */
const SLIP_MIN_LENGTH = 13

function invalid(message: string, cause?: unknown): ArchipelError {
  return new ArchipelError('CONFIG_INVALID', message, { cause })
}

function known(path: string, source: string): Setting {
  const setting = BY_PATH.get(path)
  if (setting !== undefined) return setting
  throw invalid(`${path}: there is no such setting (${source})${didYouMean(path, BY_PATH.keys())}`)
}

function textValue(setting: Setting, text: string, source: string): unknown {
  try {
    return fromText(setting, text)
  } catch (cause) {
    throw invalid(`${setting.path}: ${toArchipelError(cause).message} (${source})`, cause)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type Take = (setting: Setting, value: unknown, source: string) => void

function fromFile(object: Record<string, unknown>, source: string, take: Take, prefix = ''): void {
  for (const [key, value] of Object.entries(object)) {
    const path = prefix + key
    if (path === '$schema') continue
    const isGroup = SETTINGS.some((setting) => setting.path.startsWith(`${path}.`))
    if (isGroup && isObject(value)) fromFile(value, source, take, `${path}.`)
    else if (isGroup) throw invalid(`${path}: has to be an object (${source})`)
    else take(known(path, source), value, source)
  }
}

function fromEnv(env: Env, take: Take): void {
  for (const setting of SETTINGS) {
    const text = env[setting.env]
    if (text) take(setting, textValue(setting, text, setting.env), setting.env)
  }
  const names = [...SETTINGS.map((setting) => setting.env), ...OTHER_ENV]
  for (const name of Object.keys(env)) {
    if (!name.startsWith('ARCHIPEL_') || names.includes(name) || name.length < SLIP_MIN_LENGTH) continue
    const meant = nearest(
      name.slice(9),
      names.map((n) => n.slice(9)),
    )
    if (meant !== undefined) throw invalid(`${name}: there is no such variable; did you mean "ARCHIPEL_${meant}"?`)
  }
}

function fromFlags(flags: ConfigFlags, take: Take): void {
  for (const [path, value] of Object.entries(flags.settings ?? {})) {
    if (value === undefined) continue
    const setting = known(path, 'flag')
    const source = setting.flag === undefined ? `flag ${path}` : `--${setting.flag}`
    take(setting, typeof value === 'string' ? textValue(setting, value, source) : value, source)
  }
  for (const item of flags.set ?? []) {
    const at = item.indexOf('=')
    if (at < 1) throw invalid(`--set ${item}: write it as path=value, e.g. --set web.port=9500`)
    const setting = known(item.slice(0, at).trim(), '--set')
    if (setting.path === 'dataDir') throw invalid('dataDir: give it by --data-dir')
    take(setting, textValue(setting, item.slice(at + 1), '--set'), '--set')
  }
}

function nest(values: Map<string, { value: unknown }>): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const [path, { value }] of values) {
    const keys = path.split('.')
    let at = root
    for (const key of keys.slice(0, -1)) {
      at[key] ??= {}
      at = at[key] as Record<string, unknown>
    }
    at[keys.at(-1)!] = value
  }
  return root
}

/** @throws CONFIG_INVALID that names the setting, its source, and what it should be */
export function loadConfigWithSources({ flags = {}, env = process.env }: LoadInit = {}): LoadedConfig {
  const values = new Map<string, { value: unknown; source: string }>()
  const take: Take = (setting, value, source) => values.set(setting.path, { value, source })

  const dataDir = dataDirOf(flags, env)
  const named = flags.config || env.ARCHIPEL_CONFIG
  const path = named ? expandPath(named, env) : join(dataDir, 'config.json')
  const object = readConfigFile(path, { mustExist: Boolean(named) })
  if (object !== undefined) fromFile(object, path, take)
  if (!named && values.has('dataDir') && values.get('dataDir')?.value !== dataDir) {
    throw invalid(`dataDir: a file in a data directory cannot name another one (${path})`)
  }
  fromEnv(env, take)
  fromFlags(flags, take)
  const dirSource = flags.dataDir ? '--data-dir' : (values.get('dataDir')?.source ?? 'default')
  values.set('dataDir', { value: dataDir, source: dirSource })
  if (!values.has('name')) values.set('name', { value: hostname().split('.')[0] || 'island', source: 'default' })

  const nested = nest(values)
  const parsed = configSchema.safeParse(nested)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const at = issue!.path.map(String)
    const source = [at, at.slice(0, -1)].map((p) => values.get(p.join('.'))?.source).find((s) => s !== undefined)
    throw invalid(`${issueText(issue!, nested)}${source === undefined ? '' : ` (${source})`}`)
  }
  const sources = Object.fromEntries(SETTINGS.map(({ path: p }) => [p, values.get(p)?.source ?? 'default']))
  LOADED.set(parsed.data, sources)
  return { config: parsed.data, sources, file: object === undefined ? undefined : path }
}

/** The settings of an island. @throws CONFIG_INVALID */
export function loadConfig(init: LoadInit = {}): Config {
  return loadConfigWithSources(init).config
}

/** Each setting with its value, of a secret only that there is one, and where it came from. */
export function shownSettings(config: Config): Record<string, { value?: unknown; source: string }> {
  const sources = LOADED.get(config) ?? {}
  const entries = SETTINGS.map((setting) => {
    const value = setting.path.split('.').reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), config)
    const shown = value === undefined ? {} : { value: setting.secret ? shownValue(setting, value) : value }
    return [setting.path, { ...shown, source: sources[setting.path] ?? 'unknown' }]
  })
  return Object.fromEntries(entries)
}
