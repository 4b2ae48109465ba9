/** The processes behind one session of Livy, one for each kind of code, begun when the first code of that kind comes. */
import type { LivyCodeKind } from '../../protocols/livy/objects.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { SessionState, TableResult, TaskKind } from '../../protocols/model/task.ts'
import type { EnginePort, EngineSession, Prompt } from '../engines/port.ts'
import type { Mark } from './site.ts'
import { sparkRows } from './spark-table.ts'

/** What runs the code of each kind; Scala needs Spark. */
export const TASK_KINDS: Record<Exclude<LivyCodeKind, 'spark'>, TaskKind> = {
  sql: 'sql',
  pyspark: 'python',
  sparkr: 'r',
}
/** Bytes of what each process printed last. */
const LOG_BYTES = 256 * 1024
const SHOW_TABLES = /^\s*show\s+(tables|views)\s*;?\s*$/i

export interface Interpreters {
  /** Begins it where there is none. @throws ENGINE_FAILED where it died, what `createSession` throws */
  of(kind: LivyCodeKind): Promise<EngineSession>
  /** A list of the data in answer to `SHOW TABLES`, which the engine itself does not know. */
  tables(sql: string): TableResult | undefined
  /** What they printed, the last of it. */
  log(): Promise<string>
  /** Ends all; resolves when their processes are gone. Never throws. */
  close(): Promise<void>
}

export interface InterpretersInit {
  engine: Pick<EnginePort, 'createSession'>
  mark: Mark
  /** One of them has ended, whatever the reason. */
  onEnd(kind: LivyCodeKind, state: SessionState): void
}

export function interpreters({ engine, mark, onEnd }: InterpretersInit): Interpreters {
  const known = new Map<LivyCodeKind, Promise<EngineSession>>()
  const opened: EngineSession[] = []
  const stop = new AbortController()

  const sql: Prompt['sql'] = async (query, options) => {
    const result = tables(query) ?? (await (await of('sql')).run(query, options)).result
    return { ...result, rows: sparkRows(result.columns, result.rows) as TableResult['rows'] }
  }

  async function open(kind: LivyCodeKind): Promise<EngineSession> {
    const taskKind = TASK_KINDS[kind as keyof typeof TASK_KINDS]
    const { datasets, forwarded } = mark
    const prompt = taskKind === 'sql' ? {} : { prompt: { sql } }
    const session = await engine.createSession(
      { kind: taskKind, datasets, forwarded, engine: 'embedded', ...prompt },
      { signal: stop.signal },
    )
    opened.push(session)
    void session.ended.then((state) => {
      // SQL keeps nothing between two statements: another process is as good.
      if (kind === 'sql') known.delete(kind)
      onEnd(kind, state)
    })
    return session
  }

  async function of(kind: LivyCodeKind): Promise<EngineSession> {
    const made = known.get(kind) ?? open(kind)
    known.set(kind, made)
    // Whoever asks next tries again.
    made.catch(() => known.delete(kind))
    const session = await made
    if (session.state === 'dead') throw new ArchipelError('ENGINE_FAILED', 'Interpreter died:\n')
    return session
  }

  function tables(query: string): TableResult | undefined {
    if (!SHOW_TABLES.test(query)) return undefined
    const rows = mark.datasets.map(({ id, names }) => ['', names.find((name) => name !== id) ?? id, true])
    const text = ['namespace', 'tableName'].map((name) => ({ name, type: 'VARCHAR' }))
    const columns = [...text, { name: 'isTemporary', type: 'BOOLEAN' }]
    return { columns, rows, rowCount: rows.length, truncated: false }
  }

  async function tail(session: EngineSession): Promise<string> {
    const { total } = await session.log({ offset: 0, limit: 0 })
    const { bytes } = await session.log({ offset: Math.max(0, total - LOG_BYTES), limit: LOG_BYTES })
    return Buffer.from(bytes).toString()
  }

  return {
    of,
    tables,
    log: async () => (await Promise.all(opened.map(tail))).join(''),
    async close() {
      stop.abort()
      await Promise.allSettled([...known.values()].map(async (each) => await (await each).close()))
    },
  }
}
