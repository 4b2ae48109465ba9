import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchContext } from '../bench.ts'

/** An answer to be given again, byte for byte. */
export interface Recorded {
  /** With the query. */
  path: string
  headers: Record<string, string>
  /** Base64. */
  body: string
}

const MAIN = fileURLToPath(new URL('./bare/main.ts', import.meta.url))

/** Bare Hono in a process of its own, which answers with these bytes. */
export async function startBare(context: BenchContext, recorded: Recorded[]): Promise<{ url: string; pid: number }> {
  const file = join(context.dir, `recorded-${recorded.length}-${Date.now()}.json`)
  await writeFile(file, JSON.stringify(recorded))
  const child = spawn(process.execPath, [MAIN, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  context.cleanup(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: `http://127.0.0.1:${String(chunk).trim()}`, pid: child.pid! }
}

/** Asks for it, and keeps the answer. */
export async function record(url: string, path: string, headers: Record<string, string>): Promise<Recorded> {
  const response = await fetch(url + path, { headers })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  const body = Buffer.from(await response.arrayBuffer()).toString('base64')
  const kept = ['content-type', 'content-security-policy', 'cache-control'].flatMap((name) => {
    const value = response.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return { path, headers: Object.fromEntries(kept), body }
}
