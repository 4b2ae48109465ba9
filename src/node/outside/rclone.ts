/** Whatever rclone reaches, by the remotes of the site's own configuration of it. */
import { z } from 'zod'
import type { ArchipelError } from '../../protocols/model/errors.ts'
import type { Endpoint } from './endpoint.ts'
import { nameOf, placeBelow } from './location.ts'
import type { Listed, OutsideSource } from './port.ts'
import { linesOf, noSuchFile, notUnderstood, program, refused, unreachable } from './program.ts'
import { part, unchanged } from './unchanged.ts'

/** Calls are tried again here, and nobody sits at a keyboard. */
const FLAGS = ['--retries=1', '--low-level-retries=2', '--contimeout=10s', '--timeout=60s', '--ask-password=false']
const entry = z.object({ Path: z.string(), Size: z.number(), ModTime: z.string(), IsDir: z.boolean() })
type Entry = z.infer<typeof entry>

export function rcloneSource({ options }: Endpoint): OutsideSource {
  const config = options.config === undefined ? [] : [`--config=${options.config}`]
  const rclone = program({ command: options.program ?? 'rclone', env: {}, failureOf })
  const run = (url: string, command: string, args: string[], signal: AbortSignal) =>
    rclone([command, ...FLAGS, ...config, ...args, '--', url.slice('rclone:'.length)], signal)

  async function look(url: string, signal: AbortSignal): Promise<Entry> {
    let text = ''
    for await (const line of linesOf(run(url, 'lsjson', ['--stat', '--no-mimetype'], signal))) text += line
    return parsed(text)
  }

  async function stat(url: string, signal: AbortSignal): Promise<Listed> {
    const found = await look(url, signal)
    if (found.IsDir) throw noSuchFile()
    return listed(url, nameOf(url), found)
  }

  return {
    async *list(url, signal) {
      const found = await look(url, signal)
      if (!found.IsDir) return yield listed(url, nameOf(url), found)
      const args = ['--recursive', '--files-only', '--no-mimetype']
      for await (const line of linesOf(run(url, 'lsjson', args, signal))) {
        if (!line.startsWith('{')) continue
        const each = parsed(line.replace(/,$/, ''))
        yield listed(placeBelow(url, each.Path), each.Path, each)
      }
    },
    stat,
    read(file, { offset, length }, signal) {
      const args = [`--offset=${offset}`, `--count=${length}`]
      return unchanged(file, stat, () => part(run(file.url, 'cat', args, signal), { length }), signal)
    },
    async close() {},
  }
}

/** @throws UNREADABLE: some remotes do not know sizes before they give the bytes */
function listed(url: string, path: string, { Size, ModTime }: Entry): Listed {
  if (Size < 0) throw notUnderstood()
  return { path, url, size: Size, tag: ModTime }
}

function parsed(text: string): Entry {
  try {
    return entry.parse(JSON.parse(text))
  } catch {
    throw notUnderstood()
  }
}

/** Codes 3 and 4 of rclone: no such folder, no such file. */
function failureOf(code: number | null, stderr: string): ArchipelError | undefined {
  if (code === 0) return undefined
  if (code === 3 || code === 4) return noSuchFile()
  const isRefused = /denied|unauthori[sz]ed|forbidden|authenticat|\b40[13]\b|config file|ssh-agent/i.test(stderr)
  return isRefused ? refused() : unreachable()
}
