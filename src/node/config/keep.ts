/** Settings given to `create` or `join` stay in the data directory, so that a plain `up` later means the same island. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { ConfigFlags } from './load.ts'
import type { Config } from './schema.ts'

export const CONFIG_FILE = 'config.json'

/** Adds the name and what was given by flags to `config.json`; what else is in the file stays. @returns the settings kept */
export async function keepSettings(config: Config, given: Pick<ConfigFlags, 'settings' | 'set'>): Promise<string[]> {
  const path = join(config.dataDir, CONFIG_FILE)
  const inSet = (given.set ?? []).map((item) => item.slice(0, item.indexOf('=')).trim())
  const paths = [...new Set(['name', ...Object.keys(given.settings ?? {}), ...inSet])]
  const file = await readObject(path)
  for (const name of paths) put(file, name.split('.'), valueAt(config, name.split('.')))
  try {
    await writeFile(`${path}.tmp`, `${JSON.stringify(file, null, 2)}\n`)
    await rename(`${path}.tmp`, path)
  } catch (cause) {
    throw new ArchipelError('DATA_DIR_BROKEN', `${CONFIG_FILE} cannot be written`, { cause })
  }
  return paths
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  try {
    // The loader has checked it before.
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}

function valueAt(value: unknown, keys: string[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value)
}

function put(into: Record<string, unknown>, keys: string[], value: unknown): void {
  const [key, ...rest] = keys
  if (rest.length === 0) {
    into[key!] = value
    return
  }
  const inner = into[key!]
  const group = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  into[key!] = group
  put(group, rest, value)
}
