/** Files of XRootD, by its own client `xrdfs`. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Endpoint } from './endpoint.ts'
import { hostAndPath, isBelow, nameOf } from './location.ts'
import type { Listed, OutsideSource } from './port.ts'
import { linesOf, noSuchFile, notUnderstood, program, refused, unreachable } from './program.ts'
import { part, unchanged } from './unchanged.ts'

/** Seconds: not so patient as it is by itself, since calls are tried again here. */
const PATIENCE = {
  XRD_CONNECTIONWINDOW: '10',
  XRD_CONNECTIONRETRY: '1',
  XRD_REQUESTTIMEOUT: '60',
  XRD_TIMEOUTRESOLUTION: '1',
}
/** Where the client looks for what says who asks. */
const SECRETS = { token: 'BEARER_TOKEN_FILE', proxy: 'X509_USER_PROXY', keytab: 'XrdSecSSSKT' }
/** `tail -c` counts in 32 bits. */
const TAIL_BYTES = 2 ** 32
/** `-rw-r--r-- user group 12 2026-11-22 02:25:17 /path`, or of older servers `-rw- 2026-11-22 02:25:17 12 /path`. */
const LINE = /^([d-])\S* (?:.*? (\d+) )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: +(\d+))? (\/.*)$/s

export function xrootdSource({ options }: Endpoint): OutsideSource {
  const secrets = Object.entries(SECRETS).flatMap(([option, name]) =>
    options[option] === undefined ? [] : [[name, options[option]]],
  )
  const xrdfs = program({
    command: options.program ?? 'xrdfs',
    env: { ...PATIENCE, ...Object.fromEntries(secrets) },
    failureOf,
  })
  const run = (url: string, [command, ...args]: [string, ...string[]], signal: AbortSignal) => {
    const { host, path } = hostAndPath(url)
    return xrdfs([`root://${host}`, command, ...args, path], signal)
  }

  async function stat(url: string, signal: AbortSignal): Promise<Listed> {
    const said = new Map<string, string>()
    for await (const line of linesOf(run(url, ['stat'], signal))) {
      const at = line.indexOf(':')
      said.set(line.slice(0, at), line.slice(at + 1).trim())
    }
    const [size, tag, flags] = ['Size', 'MTime', 'Flags'].map((name) => said.get(name) ?? '')
    if (/\bIsDir\b/.test(flags!)) throw noSuchFile()
    if (!/^\d+$/.test(size!) || tag === '') throw notUnderstood()
    return { path: nameOf(url), url, size: Number(size), tag: tag! }
  }

  async function* list(url: string, signal: AbortSignal): AsyncGenerator<Listed> {
    const { host, path: root } = hostAndPath(url)
    for await (const line of linesOf(run(url, ['ls', '-l', '-R'], signal))) {
      const [, kind, before, tag, after, path] = LINE.exec(line) ?? []
      const size = Number(before ?? after ?? Number.NaN)
      // What is printed for a name with a line break in it could say anything.
      if (path === undefined || !Number.isSafeInteger(size) || !isBelow(path, root)) throw notUnderstood()
      if (kind === 'd') continue
      if (path.includes('?')) throw new ArchipelError('BAD_INPUT', 'a file of XRootD with ? in its name cannot be read')
      const name = path === root ? nameOf(path) : path.slice(root.endsWith('/') ? root.length : root.length + 1)
      yield { path: name, url: `root://${host}/${path}`, size, tag: tag! }
    }
  }

  return {
    list,
    stat,
    read(file, { offset, length }, signal) {
      const end = file.size - offset
      const bytes = () =>
        end < TAIL_BYTES
          ? part(run(file.url, ['tail', '-c', String(end)], signal), { length })
          : part(run(file.url, ['cat'], signal), { skip: offset, length })
      return unchanged(file, stat, bytes, signal)
    },
    async close() {},
  }
}

/** `[3011]`, `[3010]`: kXR_NotFound and kXR_NotAuthorized of the XRootD protocol. A list that is not whole ends with code 0. */
function failureOf(code: number | null, stderr: string): ArchipelError | undefined {
  if (code === 0 && !stderr.includes('may be incomplete')) return undefined
  if (/\[3011\]|no such file/i.test(stderr)) return noSuchFile()
  return /\[30(10|30)\]|auth/i.test(stderr) ? refused() : unreachable()
}
