/** Finds a Livy: `LIVY_HOME`, a zip named by `LIVY_ZIP`, the official zip with its published checksum; in this order. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { LivyFault } from './fault.ts'
import { run } from './tools.ts'

export const LIVY_VERSION = '0.9.0-incubating'
const ZIP = `apache-livy-${LIVY_VERSION}_2.12-bin.zip`
/** The first has the current releases only, the second every release there was. */
const SITES = ['https://downloads.apache.org/incubator/livy', 'https://archive.apache.org/dist/incubator/livy']
/** A site that sends nothing for this long is given up. */
const SILENCE_MS = 30_000
const MAX_REDIRECTS = 5

export const HOW_TO_GET_LIVY =
  `get ${ZIP} from https://livy.apache.org/download/ and name it with LIVY_ZIP=<file>, ` +
  'or name an unpacked Livy 0.9 (Scala 2.12) with LIVY_HOME=<folder>'

interface Wanted {
  cache: string
  env: Record<string, string | undefined>
  say(text: string): void
  signal?: AbortSignal
}

/** The folder of a Livy, and where it came from. */
export async function findLivy({ cache, env, say, signal }: Wanted): Promise<{ home: string; from: string }> {
  if (env.LIVY_HOME) {
    if (!isLivy(env.LIVY_HOME)) throw new LivyFault('LIVY_HOME has no Livy: no bin/livy-server in it', HOW_TO_GET_LIVY)
    return { home: env.LIVY_HOME, from: 'LIVY_HOME' }
  }
  if (env.LIVY_ZIP) {
    const digest = (await digestOfZip(env.LIVY_ZIP)).slice(0, 16)
    return { home: await unpacked(env.LIVY_ZIP, join(cache, `livy-${digest}`), say, signal), from: 'LIVY_ZIP' }
  }
  const folder = join(cache, `livy-${LIVY_VERSION}`)
  const from = 'the official distribution'
  if (existsSync(folder)) return { home: await homeIn(folder), from }
  const file = join(cache, ZIP)
  try {
    await download(env.LIVY_SITE ? [env.LIVY_SITE] : SITES, file, say, signal)
    return { home: await unpacked(file, folder, say, signal), from }
  } finally {
    await rm(file, { force: true })
  }
}

/** Fetches the zip from the first site that has it, and refuses it when its SHA-512 is not the published one. */
async function download(sites: string[], file: string, say: Wanted['say'], signal?: AbortSignal): Promise<void> {
  const faults: string[] = []
  for (const site of sites) {
    const url = `${site}/${LIVY_VERSION}/${ZIP}`
    try {
      const published = parseChecksum(await text(await get(new URL(`${url}.sha512`), signal)))
      say(`fetching ${url}`)
      await pipeline(await get(new URL(url), signal), createWriteStream(file), { signal })
      if ((await digestOf(file, 'sha512')) === published) return
      throw new LivyFault('its SHA-512 is not the published one', 'it is not used')
    } catch (error) {
      signal?.throwIfAborted()
      const { message, cause } = error as Error
      faults.push(`${url}: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`)
    }
  }
  throw new LivyFault(`no Livy is to be had: ${faults.join('; ')}`, HOW_TO_GET_LIVY)
}

/** Not by `fetch`: that of Node 24 breaks at a server that ends the connection while the disk is slower than the line. */
async function get(
  url: URL,
  signal: AbortSignal | undefined,
  redirects = MAX_REDIRECTS,
): Promise<http.IncomingMessage> {
  const response = await opened(url, signal)
  const { statusCode = 0, headers } = response
  if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined && redirects > 0) {
    response.resume()
    return await get(new URL(headers.location, url), signal, redirects - 1)
  }
  if (statusCode === 200) return response
  response.resume()
  throw new LivyFault(`the site answered ${statusCode}`, 'try another one')
}

function opened(url: URL, signal: AbortSignal | undefined): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const request = (url.protocol === 'http:' ? http : https).get(url, signal === undefined ? {} : { signal }, resolve)
  request.on('error', reject)
  request.setTimeout(SILENCE_MS, () =>
    request.destroy(new LivyFault(`the site sent nothing for ${SILENCE_MS / 1000} s`, 'try another one')),
  )
  return promise
}

/** `<hex>  <file>` as sha512sum writes it, and `<file>: <hex in groups>` as gpg does. */
export function parseChecksum(text: string): string {
  const plain = /\b[0-9a-f]{128}\b/i.exec(text)?.[0]
  return (plain ?? text.slice(text.indexOf(':') + 1).replaceAll(/\s/g, '')).toLowerCase()
}

/** Of the file that `LIVY_ZIP` names. */
async function digestOfZip(file: string): Promise<string> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    throw new LivyFault(`LIVY_ZIP names no file: ${file}`, HOW_TO_GET_LIVY)
  return digestOf(file, 'sha256').catch((error: Error) => {
    throw new LivyFault(`the file of LIVY_ZIP cannot be read: ${error.message}`, HOW_TO_GET_LIVY)
  })
}

async function digestOf(file: string, algorithm: 'sha256' | 'sha512'): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Unpacks beside the folder and moves it there when it is whole. */
async function unpacked(zip: string, folder: string, say: Wanted['say'], signal?: AbortSignal): Promise<string> {
  if (existsSync(folder)) return homeIn(folder)
  say(`unpacking ${basename(zip)}`)
  await mkdir(join(folder, '..'), { recursive: true })
  const half = await mkdtemp(`${folder}-`)
  try {
    await run('python3', ['-m', 'zipfile', '-e', zip, half], signal).catch((error: Error) => {
      signal?.throwIfAborted()
      // The last line is what went wrong, those before are where.
      throw new LivyFault(`${zip} cannot be unpacked: ${error.message.split('\n').at(-1)}`, HOW_TO_GET_LIVY)
    })
    await homeIn(half)
    await rename(half, folder)
  } finally {
    await rm(half, { recursive: true, force: true })
  }
  return homeIn(folder)
}

async function homeIn(folder: string): Promise<string> {
  for (const name of await readdir(folder)) if (isLivy(join(folder, name))) return join(folder, name)
  throw new LivyFault('the zip has no Livy in it: no bin/livy-server', HOW_TO_GET_LIVY)
}

const isLivy = (folder: string) => existsSync(join(folder, 'bin', 'livy-server'))
