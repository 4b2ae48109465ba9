/** Programs that are run, and the folder in which what they bring is kept. */
import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { LivyFault } from './fault.ts'
import { tryLock } from './lock.ts'

type Env = Record<string, string | undefined>

const OUTPUT_MAX_CHARS = 20_000
const LOCK_LOOK_MS = 500

/** `ARCHIPEL_LIVY_CACHE`, else `archipel/livy` in the cache folder of the user. */
export function cacheFolder(env: Env = process.env): string {
  if (env.ARCHIPEL_LIVY_CACHE) return env.ARCHIPEL_LIVY_CACHE
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'archipel', 'livy')
}

/** What a program printed, both streams in one. Fails with the end of it when the program ends otherwise than with 0. */
export async function run(command: string, args: string[], signal?: AbortSignal): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_MAX_CHARS)
    })
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, by) => resolve(by ?? String(code)))
  })
  signal?.throwIfAborted()
  if (ending !== '0')
    throw new LivyFault(`${command} ${args.join(' ')} ended with ${ending}`, output.trim().slice(-1500))
  return output
}

/** Runs `work` while no other process works in the same folder; the lock of a process that has died is taken over. */
export async function exclusively<T>(folder: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const lock = join(folder, '.lock')
  let release = await tryLock(lock)
  for (; release === undefined; release = await tryLock(lock)) await delay(LOCK_LOOK_MS, undefined, { signal })
  try {
    return await work()
  } finally {
    await release()
  }
}
