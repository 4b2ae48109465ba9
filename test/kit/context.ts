import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A clean-up that has not settled after this time fails the test; the next one runs all the same. */
const CLEANUP_TIMEOUT_MS = 15_000

type Cleanup = () => unknown

/** What a test function receives. */
export interface TestContext {
  /** Aborted when the test times out, and when it has ended, before its clean-up runs. */
  readonly signal: AbortSignal
  /** Run after the test, last registered first, whether it passed or not. All run, even when one fails. */
  cleanup(fn: Cleanup): void
  /** A new empty directory, removed after every other clean-up. */
  tmpdir(): Promise<string>
}

export interface OwnedContext extends TestContext {
  /** Aborts the signal. */
  abort(reason: Error): void
  /** Aborts the signal, runs the clean-up, and returns what went wrong in it. */
  close(): Promise<Error[]>
}

export function createContext(): OwnedContext {
  const controller = new AbortController()
  const cleanups: Cleanup[] = []
  const directories: string[] = []
  return {
    signal: controller.signal,
    cleanup(fn) {
      cleanups.push(fn)
    },
    async tmpdir() {
      const directory = await realpath(await mkdtemp(join(tmpdir(), 'archipel-test-')))
      directories.push(directory)
      return directory
    },
    abort(reason) {
      controller.abort(reason)
    },
    async close() {
      controller.abort(new Error('the test has ended'))
      const errors: Error[] = []
      const attempt = async (fn: Cleanup) => {
        try {
          await within(CLEANUP_TIMEOUT_MS, `a clean-up did not settle within ${CLEANUP_TIMEOUT_MS} ms`, fn)
        } catch (error) {
          errors.push(asError(error))
        }
      }
      // A clean-up may register another one.
      for (let fn = cleanups.pop(); fn !== undefined; fn = cleanups.pop()) await attempt(fn)
      for (const directory of directories) {
        await attempt(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }))
      }
      return errors
    },
  }
}

/** Settles as `fn` does, or rejects with `message` after `ms`; `onTimeout` is called after that rejection. */
export async function within<T>(ms: number, message: string, fn: () => T, onTimeout?: (error: Error) => void) {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(message)
      reject(error)
      onTimeout?.(error)
    }, ms)
  })
  try {
    return await Promise.race([Promise.resolve().then(fn), late])
  } finally {
    clearTimeout(timer)
  }
}

/** uvu cannot print a thrown value that is not an Error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`thrown: ${String(error)}`)
}
