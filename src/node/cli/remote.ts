/** Which island the commands talk to, and with what token. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type DataDirFlags, dataDirOf, type Env } from '../config/data-dir.ts'

export interface RemoteFlags extends DataDirFlags {
  island?: string
  token?: string
}

export interface Remote {
  url: string
  token: string | undefined
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new ArchipelError('FORBIDDEN', `${path} cannot be read (${code})`, {
      hint: 'Run the command as the user who runs the island, or name the island with --island and --token.',
      cause,
    })
  }
}

function isAlive(pid: unknown): boolean {
  if (typeof pid !== 'number') return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function localUrl(dataDir: string): string {
  const text = readText(join(dataDir, 'daemon.json'))
  let daemon: { pid?: unknown; url?: unknown } = {}
  try {
    if (text !== undefined) daemon = JSON.parse(text) as typeof daemon
  } catch {
    // Half written or not ours: as good as absent.
  }
  if (daemon?.url === null && isAlive(daemon.pid)) {
    throw new ArchipelError('NOT_RUNNING', 'the island of this data directory runs without its web service', {
      hint: 'Set web.enabled to true and start it again.',
    })
  }
  // A dead process's port may be another program's by now; that must not see the token.
  if (typeof daemon?.url !== 'string' || !isAlive(daemon.pid)) {
    throw new ArchipelError('NOT_RUNNING', `no island runs on the data directory ${dataDir}`)
  }
  return daemon.url
}

function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
}

/** @throws NOT_RUNNING, CONFIG_INVALID, FORBIDDEN */
export function findIsland(flags: RemoteFlags, env: Env): Remote {
  const named = flags.island || env.ARCHIPEL_ISLAND
  const given = flags.token || env.ARCHIPEL_TOKEN
  const dataDir = dataDirOf(flags, env)
  const url = named || localUrl(dataDir)
  if (given) return { url, token: given.startsWith('@') ? tokenFile(given.slice(1)) : given.trim() }
  // The own token is for islands of this machine, not for whoever is named.
  if (!isLoopbackUrl(url)) return { url, token: undefined }
  return { url, token: readText(join(dataDir, 'owner.token'))?.trim() }
}

function tokenFile(path: string): string {
  const text = readText(path)
  if (text === undefined) throw new ArchipelError('BAD_INPUT', `--token: there is no file ${path}`)
  return text.trim()
}
