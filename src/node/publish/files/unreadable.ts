import { statfs } from 'node:fs/promises'
import { ArchipelError } from '../../../protocols/model/errors.ts'

const WORDS: Record<string, string> = {
  EACCES: 'the island may not read it',
  EPERM: 'the island may not read it',
  EIO: 'the system reports an input/output error',
  EINVAL: 'the system cannot read it',
  EISDIR: 'it is a directory',
  EAGAIN: 'it is no file with an end',
  ENXIO: 'there is no such device',
  EOVERFLOW: 'it is too large for this system',
}

/** What the system says about a file, for whoever publishes it; `what` names it without its place. */
export function unreadable(what: string, error: unknown): ArchipelError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const why = WORDS[code] ?? 'the system cannot read it'
  return new ArchipelError('UNREADABLE', `${what} cannot be read: ${why} (${code})`, {
    cause: error,
    hint:
      code === 'EACCES' || code === 'EPERM'
        ? 'Let the user who runs the island read it, then publish it again.'
        : 'Check the file and its disk, or publish a copy.',
  })
}

/** Not something whose bytes can be published: a pipe, a device, a file that the kernel makes up. */
export function noPlainFile(what: string, is: string): ArchipelError {
  return new ArchipelError('UNREADABLE', `${what} cannot be published: ${is}`, {
    hint: 'Only plain files, and folders of them, can be published: copy what it holds into a file and publish that.',
  })
}

interface Kind {
  isFIFO(): boolean
  isSocket(): boolean
  isCharacterDevice(): boolean
  isBlockDevice(): boolean
}

export function specialKind(info: Kind): string {
  if (info.isFIFO()) return 'it is a named pipe'
  if (info.isSocket()) return 'it is a socket'
  if (info.isCharacterDevice() || info.isBlockDevice()) return 'it is a device'
  return 'it is neither a file nor a folder'
}

/** File systems whose files the kernel makes up while they are read (linux/magic.h): their sizes are not true. */
const KERNEL_FILE_SYSTEMS = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x62656570, // configfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0xcafe4a11, // bpf
  0x6165676c, // pstore
  0xde5e81e4, // efivarfs
])

/** @throws UNREADABLE when the path lies on a file system of the kernel */
export async function refuseKernelFiles(path: string): Promise<void> {
  const type = await statfs(path).then(
    (info) => info.type,
    () => 0,
  )
  if (KERNEL_FILE_SYSTEMS.has(type)) throw noPlainFile('it', 'it is made up by the kernel while it is read')
}
