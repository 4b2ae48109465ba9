/** The processes behind one session of Livy, one for each kind of code, begun when the first code of that kind comes. */
import type { LivyCodeKind, LivyKind } from '../../protocols/livy/objects.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { TableResult, TaskKind } from '../../protocols/model/task.ts'
import type { EnginePort, EngineSession, Prompt } from '../engines/port.ts'
import type { Places } from '../sessions/places.ts'
import type { Mark } from './site.ts'
import { plainRows } from './spark-table.ts'

/** What runs the code of each kind; Scala needs Spark. */
export const TASK_KINDS: Record<Exclude<LivyCodeKind, 'spark'>, TaskKind> = {
  sql: 'sql',
  pyspark: 'python',
  sparkr: 'r',
}
type ProgramKind = Exclude<LivyCodeKind, 'spark' | 'sql'>
export const isProgram = (kind: LivyKind): kind is ProgramKind => kind === 'pyspark' || kind === 'sparkr'
/** Bytes of what each process printed last. */
const LOG_BYTES = 256 * 1024
const SHOW_TABLES = /^\s*show\s+(tables|views)\s*;?\s*$/i

export interface Interpreters {
  /** Begins a program where there is none. @throws TOO_MANY, CODE_FAILED where it died, what `createSession` throws */
  of(kind: ProgramKind, signal?: AbortSignal): Promise<EngineSession>
  /** Works with the process of this kind; one of SQL is there for this work alone. @throws as `of`, CANCELLED */
  use<T>(kind: LivyCodeKind, signal: AbortSignal, work: (session: EngineSession) => Promise<T>): Promise<T>
  /** A list of the data in answer to `SHOW TABLES`, which the engine itself does not know. */
  tables(sql: string): TableResult | undefined
  /** What they printed, the last of it. */
  log(): Promise<string>
  /** Ends all; resolves when their processes are gone. Never throws. */
  close(): Promise<void>
}

export interface InterpretersInit {
  engine: Pick<EnginePort, 'createSession' | 'status'>
  /** A program holds one as long as it lives. */
  places: Places
  mark: Mark
  /** A program has ended, whatever the reason. */
  onEnd(kind: ProgramKind): void
  /** One of them waits for a place in the engine. */
  onWait(why: string): void
}

export function interpreters({ engine, places, mark, onEnd, onWait }: InterpretersInit): Interpreters {
  const programs = new Map<ProgramKind, Promise<EngineSession>>()
  const queries = new Set<EngineSession>()
  const opened: EngineSession[] = []
  const stop = new AbortController()

  const sql: Prompt['sql'] = async (query, options) => {
    const result = tables(query) ?? (await use('sql', options.signal, (session) => session.run(query, options))).result
    return { ...result, rows: plainRows(result.columns, result.rows) as TableResult['rows'] }
  }

  async function begin(kind: LivyCodeKind, signal?: AbortSignal): Promise<EngineSession> {
    const taskKind = TASK_KINDS[kind as keyof typeof TASK_KINDS]
    const { datasets, forwarded } = mark
    const prompt = taskKind === 'sql' ? {} : { prompt: { sql } }
    const before = engine.status().waiting
    const opening = engine.createSession(
      { kind: taskKind, datasets, forwarded, engine: 'embedded', ...prompt },
      { signal: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]) },
    )
    const { running, waiting } = engine.status()
    if (waiting > before) onWait(`waits for a place: ${running} of ${running} sessions are open`)
    return await opening
  }

  async function open(kind: ProgramKind, signal?: AbortSignal): Promise<EngineSession> {
    const release = places.take()
    try {
      const session = await begin(kind, signal)
      opened.push(session)
      void session.ended.then(() => {
        release()
        onEnd(kind)
      })
      return session
    } catch (cause) {
      release()
      throw cause
    }
  }

  async function of(kind: ProgramKind, signal?: AbortSignal): Promise<EngineSession> {
    const made = programs.get(kind) ?? open(kind, signal)
    programs.set(kind, made)
    // Whoever asks next tries again.
    made.catch(() => programs.delete(kind))
    const session = await made
    if (session.state === 'dead') throw new ArchipelError('CODE_FAILED', 'Interpreter died:\n')
    return session
  }

  /** SQL keeps nothing between two statements: it holds no process and no place there. */
  async function use<T>(
    kind: LivyCodeKind,
    signal: AbortSignal,
    work: (session: EngineSession) => Promise<T>,
  ): Promise<T> {
    if (isProgram(kind)) return await work(await of(kind, signal))
    const session = await begin(kind, signal)
    queries.add(session)
    try {
      return await work(session)
    } finally {
      await session.close()
      queries.delete(session)
    }
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
    use,
    tables,
    log: async () => (await Promise.all(opened.map(tail))).join(''),
    async close() {
      stop.abort()
      const all = [...programs.values(), ...queries]
      await Promise.allSettled(all.map(async (each) => await (await each).close()))
    },
  }
}
