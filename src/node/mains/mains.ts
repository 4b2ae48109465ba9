import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { type MainFile, mainName } from '../../protocols/model/spark.ts'
import type { MainSource, MainsPort } from './port.ts'

export interface MainsInit {
  /** Made when it is first needed. */
  dir: string
  /** Of one file. */
  maxBytes: number
  /** Of all. */
  totalBytes: number
}

export interface MainsComponents {
  /** Hashes of the files that tasks, attempts and actions name. */
  used(): Promise<Set<string>>
  logger: Logger
}

type Named = Pick<MainFile, 'name' | 'sha256'>

const DAY_MS = 86_400_000
const SWEEP_MS = 3_600_000
/** Tries of a fetch that brought something each time but the last. */
const EMPTY_TRIES = 3
const PART = /^\.part-/
const KEPT = /^([0-9a-f]{64})\.(jar|py)$/

/** @see MainsPort */
export function mains(init: MainsInit, { used, logger }: MainsComponents): MainsPort {
  const { dir, maxBytes, totalBytes } = init
  const fetching = new Map<string, Promise<string>>()
  let timer: NodeJS.Timeout | undefined

  const pathOf = ({ name, sha256 }: Named) => join(dir, `${sha256}${extname(name)}`)
  const tooLarge = () =>
    new ArchipelError('TOO_LARGE', `a main file has at most ${maxBytes} bytes here`, {
      hint: 'Put a larger one where Spark reads it, and name it by --jars or --py-files; the setting is mains.maxBytes.',
    })

  async function sizeOf(path: string): Promise<number | undefined> {
    return stat(path).then(
      (s) => s.size,
      () => undefined,
    )
  }

  async function room(bytes: number): Promise<void> {
    const names = await readdir(dir).catch(() => [])
    const sizes = await Promise.all(names.map(async (name) => (await sizeOf(join(dir, name))) ?? 0))
    if (sizes.reduce((sum, n) => sum + n, bytes) > totalBytes)
      throw new ArchipelError('DISK_FULL', `the main files kept here would have more than ${totalBytes} bytes`, {
        hint: 'Those that no task and no action names go after a day; the setting is mains.totalBytes.',
      })
  }

  /** Writes beside its place; `finish` gets the hash and size when all is on the disk. */
  async function writing<T>(
    write: (add: (chunk: Uint8Array) => Promise<void>, size: () => number) => Promise<void>,
    finish: (part: string, done: { sha256: string; bytes: number }) => Promise<T>,
  ): Promise<T> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const part = join(dir, `.part-${randomUUID()}`)
    const hash = createHash('sha256')
    let bytes = 0
    try {
      const file = await open(part, 'wx', 0o600)
      try {
        await write(
          async (chunk) => {
            bytes += chunk.length
            if (bytes > maxBytes) throw tooLarge()
            hash.update(chunk)
            await file.writeFile(chunk)
          },
          () => bytes,
        )
        await room(0)
        await file.sync()
      } finally {
        await file.close()
      }
      return await finish(part, { sha256: hash.digest('hex'), bytes })
    } catch (cause) {
      await rm(part, { force: true })
      throw toArchipelError(cause)
    }
  }

  async function find(file: Named): Promise<MainFile | undefined> {
    const path = pathOf(file)
    const bytes = await sizeOf(path)
    if (bytes === undefined) return undefined
    const now = new Date()
    await utimes(path, now, now).catch(() => {})
    return { name: file.name, sha256: file.sha256, bytes }
  }

  async function fetched(file: MainFile, source: MainSource, signal: AbortSignal): Promise<string> {
    if (file.bytes > maxBytes) throw tooLarge()
    await room(file.bytes)
    const write = async (add: (chunk: Uint8Array) => Promise<void>, size: () => number) => {
      for (let empty = 0; size() < file.bytes; ) {
        const before = size()
        try {
          for await (const chunk of source(before, signal)) {
            if (size() + chunk.length > file.bytes) throw otherBytes(file)
            await add(chunk)
          }
          if (size() < file.bytes && size() === before) throw new ArchipelError('UNREACHABLE', 'the file broke off')
        } catch (cause) {
          const { code } = toArchipelError(cause)
          if (signal.aborted || (code !== 'UNREACHABLE' && code !== 'DEADLINE')) throw cause
          empty = size() > before ? 0 : empty + 1
          if (empty >= EMPTY_TRIES) throw cause
        }
      }
    }
    return await writing(write, async (part, done) => {
      if (done.sha256 !== file.sha256) throw otherBytes(file)
      await rename(part, pathOf(file))
      return pathOf(file)
    })
  }

  async function sweep(): Promise<number> {
    const wanted = await used()
    let removed = 0
    for (const name of await readdir(dir).catch(() => [])) {
      const sha256 = KEPT.exec(name)?.[1]
      if (sha256 === undefined || wanted.has(sha256)) continue
      const { mtimeMs } = await stat(join(dir, name))
      if (Date.now() - mtimeMs < DAY_MS) continue
      await rm(join(dir, name), { force: true })
      removed++
    }
    return removed
  }

  return {
    async start() {
      // What an end of the process left half-written.
      for (const name of await readdir(dir).catch(() => []))
        if (PART.test(name)) await rm(join(dir, name), { force: true })
      timer = setInterval(() => {
        void sweep().catch((err: unknown) => logger.warn({ err }, 'old main files could not be removed'))
      }, SWEEP_MS).unref()
    },
    stop: () => clearInterval(timer),
    async put(name, chunks, { signal } = {}) {
      const checked = mainName.safeParse(name)
      if (!checked.success) throw new ArchipelError('BAD_INPUT', checked.error.issues[0]!.message)
      const write = async (add: (chunk: Uint8Array) => Promise<void>) => {
        for await (const chunk of chunks) {
          if (signal?.aborted) throw new ArchipelError('CANCELLED', 'the upload was cancelled')
          await add(chunk)
        }
      }
      return await writing(write, async (part, { sha256, bytes }) => {
        if (bytes === 0) throw new ArchipelError('BAD_INPUT', 'a main file is not empty')
        await rename(part, pathOf({ name, sha256 }))
        return { name, sha256, bytes }
      })
    },
    find,
    async path(file, source, { signal = new AbortController().signal } = {}) {
      const here = await find(file)
      if (here?.bytes === file.bytes) return pathOf(file)
      const key = pathOf(file)
      const known = fetching.get(key)
      if (known !== undefined) return await known
      const work = fetched(file, source, signal).finally(() => fetching.delete(key))
      fetching.set(key, work)
      return await work
    },
    async *read(file, offset) {
      if ((await sizeOf(pathOf(file))) === undefined)
        throw new ArchipelError('NOT_FOUND', 'the main file is not kept here', { hint: 'Upload it again.' })
      yield* createReadStream(pathOf(file), { start: offset }) as AsyncIterable<Uint8Array>
    },
    sweep,
  }
}

function otherBytes({ name }: Named): ArchipelError {
  return new ArchipelError('PROTOCOL', `${name}: the bytes that came are not those of its hash`)
}
