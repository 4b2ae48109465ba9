/** The statements of one session over the built-in engine: one after the other, whatever their kinds. */
import type { LivyCodeKind, LivyOutput, LivyStatement } from '../../protocols/livy/objects.ts'
import { toArchipelError } from '../../protocols/model/errors.ts'
import type { EngineSession, EngineStatement, StatementOutcome } from '../engines/port.ts'
import type { Interpreters } from './embedded-interpreters.ts'
import { Died, failed, okProgram, okTable, printed } from './embedded-output.ts'

/** Livy's `livy.rsc.retained-statements`. */
const RETAINED = 100
/** Bytes of outputs that a session keeps; the oldest statements go first. */
const KEPT_BYTES = 32 * 1024 * 1024
const OVER = new Set(['available', 'cancelled', 'error'])

export interface Statements {
  /** Unfinished ones are there. */
  readonly busy: boolean
  /** Those that are kept, oldest first. */
  list(): LivyStatement[]
  find(id: number): LivyStatement | undefined
  /** Runs when all before it are over. */
  add(id: number, kind: LivyCodeKind, code: string): LivyStatement
  /** Never throws; what is over stays as it is. */
  cancel(id: number): void
  /** Cancels those that wait; resolves when the one that runs is over. */
  drain(): Promise<void>
}

export interface StatementsInit {
  from: Pick<Interpreters, 'use' | 'tables'>
  /** Rows of a result of SQL. */
  maxRows: number
  onChange(statement: LivyStatement): void
}

interface Own {
  shown: LivyStatement
  kind: LivyCodeKind
  bytes: number
  /** Of the wait for a process. */
  stop: AbortController
  running?: EngineStatement
}

export function embeddedStatements({ from, maxRows, onChange }: StatementsInit): Statements {
  let own: Own[] = []
  let turn: Promise<void> = Promise.resolve()

  const over = ({ shown }: Own) => OVER.has(shown.state)

  function change(each: Own, parts: Partial<LivyStatement>): void {
    each.shown = { ...each.shown, ...parts }
    onChange(each.shown)
  }

  async function run(each: Own): Promise<void> {
    if (over(each)) return
    let output: LivyOutput | null
    try {
      output = await outputOf(each)
    } catch (cause) {
      // It was cancelled while it waited for a place.
      if (over(each)) return
      // An error that came of cancelling says nothing.
      output = cancelling(each) ? null : failed(each.shown.id, each.kind, toArchipelError(cause))
    }
    delete each.running
    each.bytes = output === null ? 0 : JSON.stringify(output).length
    shorten()
    change(each, {
      state: cancelling(each) ? 'cancelled' : 'available',
      output,
      progress: 1,
      started: each.shown.started || Date.now(),
      completed: Date.now(),
    })
  }

  const cancelling = ({ shown }: Own) => shown.state === 'cancelling'

  async function outputOf(each: Own): Promise<LivyOutput> {
    const { id, code } = each.shown
    const sql = each.kind === 'sql'
    const tables = sql ? from.tables(code) : undefined
    if (tables !== undefined) return okTable(id, tables)
    const sink = sql ? undefined : printed()
    return await from.use(each.kind, each.stop.signal, async (session) => {
      each.stop.signal.throwIfAborted()
      change(each, { state: 'running', started: Date.now() })
      each.running = await session.submit(code, sink === undefined ? { maxRows } : { sink })
      if (cancelling(each)) void each.running.cancel()
      void follow(each, each.running)
      const { result } = await ended(each, session, each.running)
      return sink === undefined ? okTable(id, result) : okProgram(id, sink)
    })
  }

  /** @throws the statement's error, `Died` where the program went with it */
  async function ended(each: Own, session: EngineSession, running: EngineStatement): Promise<StatementOutcome> {
    try {
      return await running.outcome
    } catch (cause) {
      throw each.kind !== 'sql' && session.state === 'dead' ? new Died(toArchipelError(cause)) : cause
    } finally {
      running.forget()
    }
  }

  async function follow(each: Own, running: EngineStatement): Promise<void> {
    for await (const { progress, state } of running.watch())
      if (state === 'running' && progress !== each.shown.progress && !over(each)) change(each, { progress })
  }

  function shorten(): void {
    let bytes = own.reduce((sum, each) => sum + each.bytes, 0)
    while ((own.length > RETAINED || (bytes > KEPT_BYTES && own.length > 1)) && over(own[0]!)) {
      bytes -= own[0]!.bytes
      own = own.slice(1)
    }
  }

  function cancel(each: Own): void {
    if (over(each) || cancelling(each)) return
    change(each, each.shown.state === 'waiting' ? { state: 'cancelled', progress: 1 } : { state: 'cancelling' })
    each.stop.abort()
    void each.running?.cancel()
  }

  return {
    get busy() {
      return own.some((each) => !over(each))
    },
    list: () => own.map(({ shown }) => shown),
    find: (id) => own.find(({ shown }) => shown.id === id)?.shown,
    add(id, kind, code) {
      const shown: LivyStatement = { id, code, state: 'waiting', output: null, progress: 0, started: 0, completed: 0 }
      const each: Own = { shown, kind, bytes: 0, stop: new AbortController() }
      own.push(each)
      shorten()
      turn = turn.then(() => run(each))
      onChange(shown)
      return shown
    },
    cancel(id) {
      const found = own.find(({ shown }) => shown.id === id)
      if (found !== undefined) cancel(found)
    },
    async drain() {
      for (const each of own) if (each.shown.state === 'waiting') cancel(each)
      await turn
    },
  }
}
