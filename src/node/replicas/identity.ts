/** What tells whether a file is the one that was hashed: the same rules as publishing has. */
import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { RANGE_READ_BYTES } from '../../protocols/transfer/messages.ts'
import type { OutsidePort } from '../outside/outside.ts'
import type { SourceFile } from '../publish/port.ts'

/** Bytes that are read at once, and looked after. */
const READ_BYTES = RANGE_READ_BYTES

export type Identity = Pick<SourceFile, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino'>

export function identityOf(info: BigIntStats): Identity {
  return {
    size: Number(info.size),
    mtimeNs: String(info.mtimeNs),
    ctimeNs: String(info.ctimeNs),
    ino: String(info.ino),
  }
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino
}

export function changed(path: string): ArchipelError {
  return new ArchipelError('STALE', `${JSON.stringify(path)} is not the file any more that was hashed`, {
    details: { path },
  })
}

/** Opens that file and nothing else: no symlink in its place, no waiting for a pipe. @throws STALE */
export async function openSame(file: SourceFile): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(file.local, flags).catch((cause: unknown) => {
    throw new ArchipelError('STALE', `${JSON.stringify(file.path)} cannot be opened any more`, {
      details: { path: file.path },
      cause,
    })
  })
  try {
    await assertSame(file, handle)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Bytes of that file and of no other one: each is looked after once it was read.
 *
 * @param buffers so many are taken again and again, where nobody needs the part before the last so many; else each part has its own
 * @throws STALE
 */
export async function* readSame(
  file: SourceFile,
  { offset, length }: { offset: number; length: number },
  { signal, buffers = 0 }: { signal: AbortSignal; buffers?: number },
): AsyncGenerator<Buffer> {
  const handle = await openSame(file)
  try {
    const most = Math.min(READ_BYTES, length)
    const again: Buffer[] = []
    for (let done = 0, part = 0; done < length; part++) {
      signal.throwIfAborted()
      const bytes = again[part % buffers] ?? Buffer.allocUnsafeSlow(Math.min(most, length - done))
      if (again.length < buffers) again.push(bytes)
      const { bytesRead } = await handle.read(bytes, 0, Math.min(bytes.length, length - done), offset + done)
      await assertSame(file, handle)
      if (bytesRead === 0) throw changed(file.path)
      done += bytesRead
      yield bytes.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/** Own files may lie outside of all islands. */
export type OutsideFiles = Pick<OutsidePort, 'isOutside' | 'read'>

/** As `readSame`, wherever the file is. @throws STALE, SOURCE_REFUSED, SOURCE_UNREACHABLE */
export function readSource(
  outside: OutsideFiles | undefined,
  file: SourceFile,
  range: { offset: number; length: number },
  options: { signal: AbortSignal; buffers?: number },
): AsyncGenerator<Uint8Array> {
  return outside?.isOutside(file.local) ? outside.read(file, range, options.signal) : readSame(file, range, options)
}

/** @throws STALE */
export async function assertSame(file: SourceFile, handle: FileHandle): Promise<void> {
  const info = await handle.stat({ bigint: true })
  if (!info.isFile() || !sameIdentity(file, identityOf(info))) throw changed(file.path)
}
