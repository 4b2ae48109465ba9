import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskKind } from '../../../protocols/model/task.ts'
import type { EngineSession, SessionState, StatementOptions, StatementOutcome } from '../port.ts'
import { type SessionLog, sessionLog } from './log.ts'
import { type OwnStatement, type Running, statement } from './statement.ts'

/** What a session runs its statements with: a process, or the way to one. */
export interface Backend {
  /** The process is gone for good. */
  readonly dead: boolean
  /** Settles when the session can run nothing more. */
  readonly exited: Promise<void>
  execute(code: string, options: StatementOptions & Running): Promise<StatementOutcome>
  /** After each statement, before the next. */
  rest?(): Promise<void>
  /** Ends the process; resolves when it is gone. Never throws. */
  kill(): Promise<void>
}

export interface SessionParts {
  id: number
  kind: TaskKind
  backend: Backend
  log?: SessionLog
  /** Called once, when the process is gone, whatever the reason. */
  onEnd(): void
}

/** Statements that may wait for the one that runs. */
const MAX_WAITING = 16
/** Livy's `livy.rsc.retained-statements`. */
const RETAINED = 100

const closed = () => new ArchipelError('CANCELLED', 'the session was closed')
const over = () => new ArchipelError('ENGINE_FAILED', 'the session has ended', { hint: 'Open a new session.' })

/** Livy's session over any backend: one statement at a time, in the order in which they came. */
export function engineSession(parts: SessionParts): EngineSession {
  const { id, kind, backend, log = sessionLog() } = parts
  const ended = Promise.withResolvers<SessionState>()
  let statements: OwnStatement[] = []
  let lastId = 0
  let closing = false
  let gone = false
  let turn: Promise<unknown> = Promise.resolve()

  const exited = backend.exited.then(() => {
    gone = true
    for (const each of statements) if (each.view().state === 'waiting') each.fail(closing ? closed() : over())
    parts.onEnd()
    ended.resolve('dead')
  })

  async function execute(code: string, options: StatementOptions, running: Running): Promise<StatementOutcome> {
    if (closing) throw closed()
    if (backend.dead) throw over()
    try {
      return await backend.execute(code, { ...options, ...running })
    } catch (error) {
      throw closing ? closed() : error
    } finally {
      if (backend.dead) await exited
    }
  }

  function submit(code: string, options: StatementOptions): OwnStatement {
    if (closing || gone || backend.dead) throw over()
    const waiting = statements.filter((each) => each.view().state === 'waiting').length
    if (waiting >= MAX_WAITING)
      throw new ArchipelError('TOO_MANY', `${waiting} statements wait in this session already`)
    const next = statement(lastId++, code, options)
    statements.push(next)
    if (statements.length > RETAINED) statements = statements.filter((each, i) => i > 0 || !each.over)
    turn = turn
      .then(() => next.begin((running) => execute(code, options, running)))
      .then(() => (closing || gone ? undefined : backend.rest?.()))
    return next
  }

  return {
    id,
    kind,
    ended: ended.promise,
    get state() {
      if (gone) return 'dead'
      if (closing) return 'shutting_down'
      return statements.some((each) => !each.over) ? 'busy' : 'idle'
    },
    async run(code, options = {}) {
      const own = submit(code, options)
      try {
        return await own.outcome
      } finally {
        own.forget()
      }
    },
    async submit(code, options = {}) {
      return submit(code, options)
    },
    statements: () => [...statements],
    async log(range) {
      return log.read(range)
    },
    async close() {
      // One that has gone by itself leaves its statement the reason of that.
      closing ||= !gone
      await backend.kill()
      await turn
      await exited
    },
  }
}
