import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { suite as uvuSuite } from 'uvu'
import { ArchipelError, type ErrorCode } from '../../src/protocols/model/errors.ts'
import { asError, createContext, type OwnedContext, type TestContext, within } from './context.ts'
import { type Outcome, report } from './report.ts'

export type { TestContext } from './context.ts'

export interface TestOptions {
  /** Default 90,000. A test that has not settled by then fails, and its signal is aborted. */
  timeoutMs?: number
}

export type TestFn = (t: TestContext) => unknown

export interface Suite {
  (name: string, fn: TestFn, options?: TestOptions): void
  /**
   * Runs once before the first test. Its context lives as long as the suite: clean-ups registered there run after
   * the last test. When it fails, every test of the suite fails.
   */
  before(fn: TestFn, options?: TestOptions): void
  /** Has to be called once, after the last test was registered. */
  run(): void
}

const DEFAULT_TIMEOUT_MS = 90_000
let lastId = 0

/** A named group of tests that run one after the other. */
export function suite(name: string): Suite {
  const inner = uvuSuite(name)
  const shared = createContext()
  const setups: { fn: TestFn; options: TestOptions }[] = []
  let ready: Promise<void> | undefined

  async function setUp(): Promise<void> {
    for (const { fn, options } of setups) await bounded(shared, `the set-up of "${name}"`, fn, options)
  }

  const test = ((title, fn, options = {}) => {
    const id = ++lastId
    report({ type: 'registered', id, title: `${name}: ${title}` })
    inner(title, async () => {
      report({ type: 'start', id, title: `${name}: ${title}` })
      const started = performance.now()
      const end = (outcome: Outcome, why?: string) =>
        report({
          type: 'end',
          id,
          title: `${name}: ${title}`,
          outcome,
          ms: Math.round(performance.now() - started),
          why,
        })
      try {
        ready ??= setUp()
        await ready
        await runTest(`"${title}"`, fn, options)
      } catch (error) {
        if (!(error instanceof MissingCapability)) {
          end('failed')
          throw printable(asError(error))
        }
        process.stdout.write(`\n  skipped "${title}": ${error.message}\n`)
        end('skipped', error.message)
        return
      }
      end('passed')
    })
  }) as Suite
  test.before = (fn, options = {}) => {
    setups.push({ fn, options })
  }
  inner.after(async () => {
    for (const error of await shared.close()) fault(`clean-up of "${name}": ${error.stack ?? error.message}`)
  })
  test.run = () => inner.run()
  return test
}

/** uvu takes `details` for the text of a comparison; in our own errors it is something else, over which it would end the file. */
function printable(error: Error & { details?: unknown; code?: unknown }): Error {
  if (error.details === undefined || typeof error.details === 'string') return error
  const plain = new Error(`${String(error.code)}: ${error.message} ${JSON.stringify(error.details)}`, { cause: error })
  plain.stack = error.stack
  return plain
}

async function runTest(label: string, fn: TestFn, options: TestOptions): Promise<void> {
  const t = createContext()
  let failure: Error | undefined
  try {
    await bounded(t, label, fn, options)
  } catch (error) {
    failure = asError(error)
  }
  const [first] = await t.close()
  if (failure !== undefined) throw failure
  if (first !== undefined) throw first
}

function bounded(t: OwnedContext, label: string, fn: TestFn, options: TestOptions): Promise<unknown> {
  const ms = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  return within(ms, `${label} did not settle within ${ms} ms`, () => fn(t), t.abort)
}

/** uvu does not count what fails outside a test, so the exit code is set by hand. */
function fault(message: string): void {
  process.stderr.write(`\n${message}\n`)
  report({ type: 'fault', message })
  process.once('exit', () => {
    process.exitCode = 1
  })
}

class MissingCapability extends Error {}

/**
 * To be awaited at the beginning of a test, or of `before`: when `check` is false or throws, the test counts as
 * skipped and the capability is named with the way to get it. With `ARCHIPEL_TEST_REQUIRE_ALL=1` it fails instead, unless
 * `ARCHIPEL_TEST_MAY_LACK` (names, separated by commas) has it.
 */
export async function requires(capability: string, check: () => unknown, howToGet: string): Promise<void> {
  let present = false
  try {
    present = Boolean(await check())
  } catch {
    // A check that throws says the same as one that answers no.
  }
  if (present) return
  const message = `this machine has no ${capability}; ${howToGet}`
  const mayLack = (process.env.ARCHIPEL_TEST_MAY_LACK ?? '').split(',').includes(capability)
  const required = process.env.ARCHIPEL_TEST_REQUIRE_ALL === '1' && !mayLack
  throw required ? new Error(message) : new MissingCapability(message)
}

/** Fails unless the promise (or what the function returns) rejects with an `ArchipelError` of this code; returns the error. */
export async function rejects(work: Promise<unknown> | (() => unknown), code: ErrorCode): Promise<ArchipelError> {
  let value: unknown
  try {
    value = await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (error instanceof ArchipelError && error.code === code) return error
    const got = error instanceof ArchipelError ? `${error.code}: ${error.message}` : String(error)
    throw new Error(`expected a rejection with ${code}, got ${got}`, { cause: error })
  }
  throw new Error(`expected a rejection with ${code}, but it resolved with ${String(value)}`)
}

export interface EventuallyOptions {
  /** Default 10,000. */
  timeoutMs?: number
  /** Default 50. */
  intervalMs?: number
  signal?: AbortSignal
}

/**
 * Calls `fn` until it neither throws nor returns false, and returns what it returned; at the end of the time it throws
 * the last error. For facts that no event announces; where there is an event, await that.
 */
export async function eventually<T>(fn: () => T, options: EventuallyOptions = {}): Promise<Awaited<T>> {
  const { timeoutMs = 10_000, intervalMs = 50, signal } = options
  const deadline = performance.now() + timeoutMs
  let last = new Error(`the condition was not seen within ${timeoutMs} ms`)
  for (;;) {
    signal?.throwIfAborted()
    const left = deadline - performance.now()
    if (left <= 0) throw last
    let pending = false
    try {
      pending = true
      const value = await within(left, 'late', fn, () => {
        pending = false
      })
      if (value !== false) return value as Awaited<T>
      last = new Error(`the condition stayed false for ${timeoutMs} ms`)
    } catch (error) {
      // A call that outlives the deadline says less than the error of the call before.
      if (pending) last = asError(error)
    }
    await delay(Math.min(intervalMs, Math.max(0, deadline - performance.now())), undefined, { signal })
  }
}

/** A TCP port of the loopback interface that was free a moment ago. Prefer port 0 where the listener can report its own. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('the listener has no port')
  return address.port
}
