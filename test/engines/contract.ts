import * as assert from 'uvu/assert'
import type {
  EngineCapability,
  EngineLimits,
  EnginePort,
  EngineSession,
  SessionInit,
  SessionState,
  StatementState,
} from '../../src/node/engines/port.ts'
import type { ErrorCode } from '../../src/protocols/model/errors.ts'
import type { Cell, TaskKind } from '../../src/protocols/model/task.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { brightStars } from './data.ts'
import { collector } from './sink.ts'

export interface EngineUnderTest<E extends EnginePort = EnginePort> {
  name: string
  /** What it says it can do; a test of anything else is skipped by name. */
  capabilities: EngineCapability[]
  /** Skips the suite where the machine lacks something. */
  requires?(): Promise<void>
  /** Set up once, for all tests; its clean-ups run after the last. May take `beforeTimeoutMs`. */
  before?(t: TestContext): Promise<void>
  beforeTimeoutMs?: number
  /** Builds an engine, not started; the suite stops it. */
  create(t: TestContext, init: { limits: EngineLimits; maxSessions: number; queue: number }): Promise<E>
  /** Where its dialect differs. */
  code?: Partial<Record<CodeKind, Partial<Snippets>>>
  /** How long its sessions may take to start. Default 30 s for each test. */
  timeoutMs?: number
}

/** The same small programs in each language. */
export interface Snippets {
  /** Gives 3. */
  three: string
  fails: string
  failure: ErrorCode
  /** Runs until something stops it. */
  endless: string
  /** Gives the parameter `p`. */
  param: string
  /** Gives the number of rows (SQL) or bytes of the dataset `bright_stars`. */
  data: string
  dataGives: number
  /** Gives the rows (1, 'a') and (2, 'b') as a table of the columns n and t. */
  table: string
  /** Takes more memory than a session may. */
  greedy: string
  /** Prints `hello` and a newline. Programs only. */
  prints?: string
  /** Sets a variable, and gives it. */
  sets?: string
  gets?: string
}

/** What the built-in engine can do where Python and R are there. */
export const EMBEDDED: EngineCapability[] = [
  'sql',
  'python',
  'r',
  'cancel-running',
  'limits',
  'params',
  'batches',
  'bound-data',
  'queue',
]

const STARS_BYTES = 386_208

/** Kinds of work that are text; another engine's may add to them. */
export type CodeKind = Exclude<TaskKind, 'jar' | 'scala'>

export const SNIPPETS: Record<CodeKind, Snippets> = {
  sql: {
    three: 'SELECT 1 + 2',
    fails: 'SELECT nothing FROM bright_stars',
    failure: 'SQL_INVALID',
    endless: 'SELECT count(*) FROM range(10000000) a, range(10000000) b',
    param: 'SELECT $p',
    data: 'SELECT count(*) FROM bright_stars',
    dataGives: 9096,
    table: "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(n, t)",
    greedy: "SELECT list(repeat('x', 1000) || i) FROM range(100000000) r(i)",
  },
  python: {
    three: '1 + 2',
    fails: 'print("so far")\nraise ValueError("no good")',
    failure: 'CODE_FAILED',
    endless: 'while True: pass',
    param: 'import archipel\narchipel.params["p"]',
    data: 'import os\nos.path.getsize(archipel.path("bright_stars"))',
    dataGives: STARS_BYTES,
    table: '[{"n": 1, "t": "a"}, {"n": 2, "t": "b"}]',
    greedy: 'x = []\nwhile True: x.append(bytearray(10_000_000))',
    prints: 'print("hello")',
    sets: 'kept = 3',
    gets: 'kept',
  },
  r: {
    three: '1 + 2',
    fails: 'cat("so far\\n"); stop("no good")',
    failure: 'CODE_FAILED',
    endless: 'repeat {}',
    param: 'archipel$params$p',
    data: 'file.info(archipel$path("bright_stars"))$size',
    dataGives: STARS_BYTES,
    table: 'data.frame(n = c(1L, 2L), t = c("a", "b"))',
    greedy: 'x <- list(); repeat x[[length(x) + 1]] <- rep(1, 2e6)',
    prints: 'cat("hello\\n")',
    sets: 'kept <- 3',
    gets: 'kept',
  },
}

const LIMITS: EngineLimits = {
  memoryBytes: 512 * 1024 ** 2,
  statementMs: 20_000,
  cpuMs: 60_000,
  resultRows: 5_000,
  resultBytes: 1024 ** 2,
  threads: 2,
}
const KINDS: CodeKind[] = ['sql', 'python', 'r']
const MAX_SESSIONS = 2

/** Livy's semantics, which every engine has to keep. Call it once for each engine in a test file. */
export function engineContract({ name, capabilities, create, ...under }: EngineUnderTest): void {
  const test = suite(`the ${name} engine`)
  let whole: TestContext
  test.before(async (t) => {
    whole = t
    await under.requires?.()
  })
  test.before(async (t) => under.before?.(t), { timeoutMs: under.beforeTimeoutMs ?? 60_000 })
  const can = new Set(capabilities)
  const kinds = KINDS.filter((kind) => can.has(kind))
  const codeOf = (kind: CodeKind): Snippets => ({ ...SNIPPETS[kind], ...under.code?.[kind] })

  /** Registers a test, or says which capability it would need. */
  function needs(needed: EngineCapability[], title: string, fn: (t: TestContext) => Promise<unknown>): void {
    const lacking = needed.filter((each) => !can.has(each))
    if (lacking.length === 0) test(title, fn, { timeoutMs: under.timeoutMs ?? 30_000 })
    else process.stdout.write(`\n  skipped "${title}": the ${name} engine has no ${lacking.join(', ')}\n`)
  }

  async function started(
    t: TestContext,
    init: { limits?: Partial<EngineLimits>; maxSessions?: number; queue?: number } = {},
  ) {
    const engine = await create(t, {
      limits: { ...LIMITS, ...init.limits },
      maxSessions: init.maxSessions ?? MAX_SESSIONS,
      queue: init.queue ?? 2,
    })
    t.cleanup(() => engine.stop())
    await engine.start({ signal: t.signal })
    return engine
  }

  async function boundTo(t: TestContext, kind: CodeKind): Promise<SessionInit> {
    const dir = await t.tmpdir()
    return { kind, datasets: [await brightStars(dir)], params: { p: 'it\'s "so"\n\u{1f30c}', n: 7 } }
  }

  async function sessionOf(t: TestContext, kind: CodeKind, limits: Partial<EngineLimits> = {}) {
    const engine = await started(t, { limits })
    const init = await boundTo(t, kind)
    return { engine, init, session: await engine.createSession(init) }
  }

  const shared = new Map<CodeKind, Shared>()

  /** Like `needs`, at what the cases of this kind share; where one failed, the next begins anew. */
  function shares(
    [kind, ...others]: [CodeKind, ...EngineCapability[]],
    title: string,
    fn: (shared: Shared, t: TestContext) => Promise<unknown>,
  ): void {
    needs([kind, ...others], `${kind}: ${title}`, async (t) => {
      const lent = shared.get(kind) ?? share(await started(whole, { queue: 1 }), await boundTo(whole, kind))
      shared.delete(kind)
      try {
        await fn(lent, t)
      } catch (error) {
        await lent.engine.stop()
        throw error
      }
      if (lent.engine.status().state === 'ready') shared.set(kind, lent)
    })
  }

  /** The one value of a result, whatever form it has. */
  async function gives(session: EngineSession, code: string): Promise<Cell> {
    const { result, items } = await session.run(code)
    if (result.rows.length > 0) return result.rows[0]![0]!
    const [item] = items
    assert.ok(item !== undefined, 'a value or a table')
    const text = new TextDecoder().decode(item.bytes)
    return item.mediaType === 'application/json' ? JSON.parse(text) : text
  }

  test('says what it can do, in which versions', async (t) => {
    const engine = await started(t)
    assert.equal([...engine.capabilities()].toSorted(), capabilities.toSorted())
    const { languages, version, versions = {} } = engine.info()
    for (const kind of KINDS) {
      assert.is(languages.includes(kind), can.has(kind), kind)
      if (can.has(kind)) assert.match(versions[kind] ?? version, /\d+\.\d+/, kind)
    }
    const status = engine.status()
    assert.equal([status.state, status.running, status.waiting], ['ready', 0, 0])
  })

  test('refuses the languages that it does not run', async (t) => {
    const engine = await started(t)
    for (const kind of KINDS.filter((each) => !can.has(each)))
      await rejects(engine.createSession({ kind, datasets: [] }), 'LANGUAGE_MISSING')
    assert.is(engine.status().running, 0)
  })

  for (const kind of kinds) {
    const code = codeOf(kind)

    shares([kind], 'a statement goes from waiting over running to available', async ({ idle }, t) => {
      const session = await idle()
      const first = await session.submit(code.three)
      const second = await session.submit(code.fails)
      const third = await session.submit(code.three)
      assert.equal([first.id, second.id, third.id], [0, 1, 2])
      assert.ok(['waiting', 'running'].includes(first.view().state), first.view().state)
      assert.is(third.view().state, 'waiting')
      assert.equal([third.view().started, third.view().completed, third.view().progress], [0, 0, 0])
      assert.is(session.state, 'busy')
      const seen: StatementState[] = []
      // Progress is a change, too.
      for await (const { state } of third.watch({ signal: t.signal })) if (state !== seen.at(-1)) seen.push(state)
      assert.equal(seen, ['waiting', 'running', 'available'])
      const view = third.view()
      assert.ok(view.started > 0 && view.completed >= view.started && view.progress === 1)
      assert.is(view.outcome?.result.rowCount, kind === 'sql' ? 1 : 0)
      assert.equal([second.view().state, second.view().error?.code], ['available', code.failure])
      assert.equal(
        session.statements().map((each) => each.id),
        [0, 1, 2],
      )
      const fourth = await session.submit(code.three)
      assert.is(fourth.id, 3)
      await fourth.outcome
    })

    shares([kind], 'gives values and tables', async ({ idle }) => {
      const session = await idle()
      assert.is(session.kind, kind)
      assert.is(await gives(session, code.three), 3)
      const { result, elapsedMs } = await session.run(code.table)
      assert.equal(
        result.columns.map((column) => column.name),
        ['n', 't'],
      )
      assert.equal(result.rows, [
        [1, 'a'],
        [2, 'b'],
      ])
      assert.equal([result.rowCount, result.truncated, elapsedMs > 0], [2, false, true])
    })

    shares([kind], 'code that fails leaves the session alive', async ({ idle }) => {
      const session = await idle()
      const error = await rejects(session.run(code.fails), code.failure)
      assert.match(error.message, kind === 'sql' ? /nothing/ : /no good/)
      assert.is(session.state, 'idle')
      assert.is(await gives(session, code.three), 3)
    })

    shares([kind, 'limits'], 'a table is cut at the rows that were asked for', async ({ idle }) => {
      const session = await idle()
      for (const [maxRows, count, truncated] of [
        [0, 0, true],
        [1, 1, true],
        [2, 2, false],
        [9, 2, false],
      ] as const) {
        const { result } = await session.run(code.table, { maxRows })
        assert.equal(
          [result.rowCount, result.rows.length, result.truncated],
          [count, count, truncated],
          String(maxRows),
        )
      }
    })

    shares([kind, 'params'], 'parameters keep their values', async ({ idle }) => {
      assert.is(await gives(await idle(), code.param), 'it\'s "so"\n\u{1f30c}')
    })

    shares([kind, 'bound-data'], 'data are there by name', async ({ idle }) => {
      assert.is(await gives(await idle(), code.data), code.dataGives)
    })

    shares([kind], 'what a sink takes is not kept', async ({ idle }) => {
      const sink = collector()
      const { result, items } = await (await idle()).run(code.table, { sink })
      assert.equal([result.rowCount, result.rows, items], [2, [], []])
      assert.equal(sink.rowsSeen, [
        [1, 'a'],
        [2, 'b'],
      ])
      assert.is(sink.tables, 1)
    })

    if (code.prints !== undefined)
      shares([kind], 'the log is read by offset, while it grows', async ({ idle }) => {
        const session = await idle()
        const { total } = await session.log({ offset: 0, limit: 1 })
        const sink = collector()
        await session.run(code.prints!, { sink })
        assert.is(sink.logged, 'hello\n')
        const all = await session.log({ offset: total, limit: 1000 })
        assert.equal([new TextDecoder().decode(all.bytes), all.offset, all.total], ['hello\n', total, total + 6])
        await session.run(code.prints!)
        const rest = await session.log({ offset: total + 6, limit: 3 })
        assert.equal([new TextDecoder().decode(rest.bytes), rest.offset, rest.total], ['hel', total + 6, total + 12])
      })

    if (code.sets !== undefined)
      shares([kind], 'statements of a session share their variables, sessions do not', async ({ idle, fresh }) => {
        const session = await idle()
        await session.run(code.sets!)
        assert.is(await gives(session, code.gets!), 3)
        await rejects((await fresh()).run(code.gets!), 'CODE_FAILED')
      })

    shares([kind, 'queue'], 'as many sessions run as may, others wait, the rest is turned away', async (shared) => {
      const { engine, init, idle, fresh } = shared
      const first = await idle()
      if (engine.status().running < MAX_SESSIONS) await fresh()
      const gone = fresh()
      await assertEventually(() => engine.status().waiting === 1)
      await rejects(engine.createSession(init), 'TOO_MANY')
      await first.close()
      assert.is(await gives(await gone, code.three), 3)
      assert.equal([engine.status().running, engine.status().waiting], [MAX_SESSIONS, 0])
    })

    shares([kind], 'a session that is closed is dead, runs nothing more, and keeps its log', async ({ idle }) => {
      const session = await idle()
      await session.run(code.prints ?? code.three)
      const said = await session.log({ offset: 0, limit: 1000 })
      const running = rejects(session.run(code.endless), 'CANCELLED')
      const waiting = await session.submit(code.three)
      assert.is(session.state, 'busy')
      const closing = session.close()
      assert.is(session.state, 'shutting_down')
      await closing
      await session.close()
      await running
      assert.is(session.state, 'dead')
      assert.is(await session.ended, 'dead')
      assert.is(waiting.view().state, 'cancelled')
      await rejects(session.run(code.three), 'ENGINE_FAILED')
      await rejects(session.submit(code.three), 'ENGINE_FAILED')
      assert.equal((await session.log({ offset: 0, limit: said.bytes.length || 1 })).bytes, said.bytes)
      assert.is((await session.log({ offset: said.total, limit: 10 })).bytes.length, 0)
    })

    shares(
      [kind, 'cancel-running'],
      'a statement is cancelled while it waits, and while it runs',
      async ({ idle, fresh }, t) => {
        const session = await idle()
        await rejects(session.run(code.three, { signal: AbortSignal.abort() }), 'CANCELLED')
        const running = await session.submit(code.endless)
        const waiting = await session.submit(code.three)
        await waiting.cancel()
        assert.equal([waiting.view().state, waiting.view().started], ['cancelled', 0])
        await rejects(waiting.outcome, 'CANCELLED')
        for await (const { state } of running.watch({ signal: t.signal })) if (state === 'running') break
        await running.cancel()
        assert.equal([running.view().state, running.view().progress], ['cancelled', 1])
        await rejects(running.outcome, 'CANCELLED')
        await running.cancel()
        await session.close()
        assert.is(await gives(await fresh(), code.three), 3)
      },
    )

    shares([kind, 'batches'], 'a batch ends as success, dead or killed', async ({ engine, init }, t) => {
      const before = engine.status().running
      const good = await engine.createBatch({ ...init, code: code.table })
      const seen: SessionState[] = []
      for await (const state of good.watch({ signal: t.signal })) seen.push(state)
      assert.equal(seen, ['starting', 'running', 'success'])
      assert.is((await good.outcome).result.rowCount, 2)
      await good.cancel()
      assert.is(good.state, 'success')
      const bad = await engine.createBatch({ ...init, code: code.fails })
      await rejects(bad.outcome, code.failure)
      assert.is(bad.state, 'dead')
      const endless = await engine.createBatch({ ...init, code: code.endless })
      for await (const state of endless.watch({ signal: t.signal })) if (state === 'running') break
      await endless.cancel()
      assert.is(endless.state, 'killed')
      await rejects(endless.outcome, 'CANCELLED')
      assert.equal([engine.status().running, bad.id > good.id, endless.kind], [before, true, kind])
    })

    needs([kind, 'limits'], `${kind}: a statement ends at its deadline, the caller’s or the engine’s`, async (t) => {
      const { engine, init, session } = await sessionOf(t, kind, { statementMs: 1_500 })
      const own = await rejects(session.run(code.endless, { timeoutMs: 200 }), 'TIME_LIMIT')
      assert.match(own.message, '200 ms that were asked for')
      assert.match(own.hint, '--timeout')
      await session.close()
      const second = await engine.createSession(init)
      const began = performance.now()
      const islands = await rejects(second.run(code.endless, { timeoutMs: 60_000 }), 'TIME_LIMIT')
      assert.match(islands.message, 'that the island allows')
      assert.not.match(islands.hint, '--timeout')
      assert.ok(performance.now() - began < 10_000)
    })

    needs([kind, 'limits'], `${kind}: a statement that takes too much memory is ended`, async (t) => {
      const { engine, init, session } = await sessionOf(t, kind)
      await rejects(session.run(code.greedy), 'MEMORY_LIMIT')
      await session.close()
      const next = await engine.createSession(init)
      assert.is(await gives(next, code.three), 3)
    })

    shares([kind], 'what runs and what waits ends when the engine stops', async ({ engine, init, idle }) => {
      const session = await idle()
      const running = rejects(session.run(code.endless), 'CANCELLED')
      await engine.stop()
      await running
      assert.is(session.state, 'dead')
      await rejects(engine.createSession(init), 'ENGINE_DOWN')
    })
  }

  test.run()
}

/** What the cases of a kind share. */
interface Shared {
  engine: EnginePort
  /** For sessions with data and parameters. */
  init: SessionInit
  /** A session that an earlier case left idle, or a new one. */
  idle(): Promise<EngineSession>
  /** A new session. */
  fresh(): Promise<EngineSession>
}

function share(engine: EnginePort, init: SessionInit): Shared {
  const sessions: EngineSession[] = []
  const fresh = async () => {
    const session = await engine.createSession(init)
    sessions.push(session)
    return session
  }
  return { engine, init, fresh, idle: async () => sessions.find(({ state }) => state === 'idle') ?? (await fresh()) }
}

async function assertEventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !condition(); turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(condition())
}
