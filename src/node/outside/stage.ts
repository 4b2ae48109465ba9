/** Copies of outside files for what can only read local ones: bounded, and made anew when they are gone. */
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { OutsideRef } from './port.ts'

export interface StageInit {
  dir: string
  /** Bytes of all copies together. */
  maxBytes: number
}

export interface StageComponents {
  /** Bytes of that very file, from an offset to its end. */
  read(file: OutsideRef, range: { offset: number; length: number }, signal: AbortSignal): AsyncIterable<Uint8Array>
}

type Wanted = readonly (OutsideRef & { path: string })[]

export interface BringOptions {
  signal: AbortSignal
  onBytes?: (bytes: number) => void
  /** Looks at a copy that was just made; when it throws, the copy goes. */
  check?: (index: number, local: string) => Promise<void>
}

export interface Stage {
  /** Whether so many bytes may be here at all. */
  fits(bytes: number): boolean
  /**
   * Local paths of copies, in the order of the files. What was brought before an interruption is kept.
   * @throws STALE, QUOTA_EXCEEDED, what `read` throws
   */
  bring(files: Wanted, options: BringOptions): Promise<string[]>
}

const PART = /^part-/
/** Files brought at once. */
const AT_ONCE = 4
/** Milliseconds since its last use in which a copy does not go: whoever asked for it reads it. */
const IN_USE_MS = 3_600_000

export function stage({ dir, maxBytes }: StageInit, { read }: StageComponents): Stage {
  const running = new Map<string, Promise<string>>()
  const used = new Map<string, number>()
  /** Copies that were asked for and are not given yet, with their bytes. */
  const promised = new Map<string, { size: number; askers: number }>()
  let making: Promise<unknown> = Promise.resolve()

  const nameOf = ({ url, size, tag, path }: OutsideRef & { path: string }) =>
    createHash('sha256').update(`${url}\0${size}\0${tag}`).digest('hex').slice(0, 40) + extension(path)

  /** Makes room for all that is promised, one caller after the other. @throws QUOTA_EXCEEDED */
  function room(): Promise<void> {
    const done = making.then(evict)
    making = done.catch(() => {})
    return done
  }

  async function evict(): Promise<void> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const others = (await readdir(dir)).filter((name) => !promised.has(name.replace(PART, '')))
    const found = await Promise.all(
      others.map(async (name) => {
        const info = await stat(join(dir, name)).catch(() => undefined)
        return { name, size: info?.size ?? 0, used: used.get(name) ?? info?.mtimeMs ?? 0 }
      }),
    )
    let sum = [...promised.values(), ...found].reduce((total, { size }) => total + size, 0)
    for (const { name, size, used: last } of found.sort((a, b) => a.used - b.used)) {
      if (sum <= maxBytes) return
      if (Date.now() - last < IN_USE_MS) continue
      await rm(join(dir, name), { force: true })
      sum -= size
    }
    if (sum > maxBytes)
      throw new ArchipelError(
        'QUOTA_EXCEEDED',
        'the files are more than what may be copied here from outside sources',
        {
          hint: 'Raise outside.cacheBytes, or wait until work that uses other copies has ended.',
        },
      )
  }

  function promise(name: string, size: number): void {
    const before = promised.get(name)
    promised.set(name, { size, askers: (before?.askers ?? 0) + 1 })
  }

  function given(name: string): void {
    used.set(name, Date.now())
    const before = promised.get(name)
    if (before !== undefined && --before.askers === 0) promised.delete(name)
  }

  async function one(
    file: OutsideRef & { path: string },
    name: string,
    signal: AbortSignal,
    onBytes: (bytes: number) => void,
    check: (local: string) => Promise<void>,
  ): Promise<string> {
    const local = join(dir, name)
    if ((await stat(local).catch(() => undefined))?.size === file.size) {
      onBytes(file.size)
      return local
    }
    const part = join(dir, `part-${name}`)
    const handle = await open(part, 'a', 0o600)
    try {
      const before = await handle.stat()
      let at = before.size
      // What was not synced may be lost, and yet be counted, when the machine went down.
      if (at > file.size || before.mtimeMs < Date.now() - uptime() * 1000) {
        await handle.truncate(0)
        at = 0
      }
      onBytes(at)
      for await (const bytes of read(file, { offset: at, length: file.size - at }, signal)) {
        await handle.appendFile(bytes)
        onBytes(bytes.length)
      }
      await handle.datasync()
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOSPC')
        throw new ArchipelError('DISK_FULL', 'there is no room for the files of the outside source', { cause })
      throw cause
    } finally {
      await handle.close()
    }
    try {
      await check(part)
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
    await rename(part, local)
    return local
  }

  async function all(
    files: Wanted,
    names: readonly string[],
    { signal, onBytes, check }: BringOptions,
  ): Promise<string[]> {
    const locals: string[] = []
    let next = 0
    const worker = async (): Promise<void> => {
      for (let index = next++; index < files.length; index = next++) {
        signal.throwIfAborted()
        const name = names[index]!
        // Who comes second waits for the first; where that one was stopped, it goes on itself.
        while (running.has(name)) await running.get(name)!.catch(() => {})
        const work = one(
          files[index]!,
          name,
          signal,
          (bytes) => onBytes?.(bytes),
          async (local) => await check?.(index, local),
        )
        running.set(name, work)
        try {
          locals[index] = await work
        } catch (error) {
          next = files.length
          throw error
        } finally {
          if (running.get(name) === work) running.delete(name)
        }
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, files.length) }, worker))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return locals
  }

  return {
    fits: (bytes) => bytes <= maxBytes,
    async bring(files, { signal, onBytes, check }) {
      const names = files.map(nameOf)
      for (const [index, name] of names.entries()) promise(name, files[index]!.size)
      try {
        await room()
        return await all(files, names, { signal, ...(onBytes && { onBytes }), ...(check && { check }) })
      } finally {
        for (const name of names) given(name)
      }
    },
  }
}

/** `.csv.gz`: what readers go by. */
const extension = (path: string) => /(?:\.[A-Za-z0-9]{1,10}){1,2}$/.exec(path)?.[0].toLowerCase() ?? ''
