import { ArchipelError } from '../../protocols/model/errors.ts'
import { quoted } from '../../protocols/model/sql-names.ts'
import type { Cell, TableResult } from '../../protocols/model/task.ts'
import type { DatasetView, Preview, SqlRequest, TaskResult } from '../../protocols/model/views.ts'
import type { EnginePort } from '../engines/port.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { DataBinder } from '../tasks/port.ts'

export const DEFAULT_ROWS = 20
/** Milliseconds for all of it: a preview is short or none. */
const PREVIEW_MS = 20_000
/** Characters of a cell, and of all rows together. */
const MAX_CELL = 1000
const MAX_TABLE = 1024 * 1024
const TABLES: readonly string[] = ['csv', 'parquet', 'jsonl']

export interface PreviewComponents {
  self: string
  nameOf(island: string): string
  engine: Pick<EnginePort, 'createSession'>
  data: DataBinder
  policy: PolicyPort
  /** A statement as a task, wherever its data are. */
  sql(request: SqlRequest, options: { signal: AbortSignal; user: string }): Promise<TaskResult>
}

export interface PreviewRequest {
  rows?: number | undefined
  /** Whether a task may be run at an island that holds it. */
  elsewhere: boolean
  user: string
  signal: AbortSignal
}

function cut(cell: Cell): Cell {
  if (typeof cell === 'string') return cell.length > MAX_CELL ? `${cell.slice(0, MAX_CELL).toWellFormed()}…` : cell
  if (typeof cell !== 'object' || cell === null) return cell
  const text = JSON.stringify(cell)
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL).toWellFormed()}…` : cell
}

/** Rows and columns for people: cells cut, as many rows as fit, columns with what the publisher says of them. */
function shaped(view: DatasetView, table: TableResult, rows: number): Pick<Preview, 'columns' | 'rows' | 'truncated'> {
  const known = new Map((view.body.columns ?? []).map((column) => [column.name, column]))
  const shown: Cell[][] = []
  let size = 0
  for (const row of table.rows.slice(0, rows)) {
    const next = row.map(cut)
    size += JSON.stringify(next).length
    if (size > MAX_TABLE && shown.length > 0) break
    shown.push(next)
  }
  const more = table.truncated || table.rows.length > shown.length || (view.body.rows ?? 0) > shown.length
  return {
    columns: table.columns.map((column) => ({ ...known.get(column.name), ...column })),
    rows: shown,
    truncated: more,
  }
}

/** The first rows of a dataset: read here where this island holds it, by a task where it does not. */
export function previewer(components: PreviewComponents) {
  const { self, engine, data } = components

  async function here(view: DatasetView, rows: number, signal: AbortSignal): Promise<TableResult> {
    const { id, publisher, body } = view
    const pinned = { table: id, id, publisher: publisher.id, version: body.version }
    const bound = await data.bind([pinned], { signal, kind: 'sql' })
    const session = await engine.createSession({ kind: 'sql', datasets: bound }, { signal })
    try {
      const sql = `SELECT * FROM ${quoted(id)} LIMIT ${rows}`
      const { result } = await session.run(sql, { signal, maxRows: rows, timeoutMs: PREVIEW_MS })
      await data.recheck([pinned])
      return result
    } finally {
      await session.close()
    }
  }

  /**
   * @throws NOT_FOUND (no table), SCOPE_MISSING (it would need a task elsewhere), STALE, NO_HOLDER, TIME_LIMIT, ENGINE_DOWN,
   * TOO_MANY, and what a task may fail with
   */
  return async (view: DatasetView, request: PreviewRequest): Promise<Preview> => {
    const { id, publisher, body, holders } = view
    if (body.columns === undefined || !TABLES.includes(body.format))
      throw new ArchipelError('NOT_FOUND', `${id} has no rows to show: it holds ${body.format}`, {
        hint: 'Rows are shown of datasets of format csv, parquet and jsonl; its files are listed by `archipel files`.',
      })
    const rows = request.rows ?? DEFAULT_ROWS
    const head = { id, publisher, version: body.version }
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(PREVIEW_MS)])
    const at = (island: string) => ({ island, name: components.nameOf(island) })
    components.policy.check({ island: self, user: request.user, action: 'task:run', kind: 'sql', datasets: [id] })
    const available = holders.filter((h) => h.state === 'available' && h.version === body.version)
    if (available.some((h) => h.island === self))
      return { ...head, ...shaped(view, await here(view, rows, signal), rows), ranAt: at(self) }
    if (!request.elsewhere)
      throw new ArchipelError('SCOPE_MISSING', 'its rows are at another island: reading them there runs a task', {
        details: { scope: 'run', islands: available.map((h) => at(h.island)) },
      })
    const sql = `SELECT * FROM ${quoted(`${id}@${publisher.id}`)} LIMIT ${rows}`
    const limits = { maxRows: rows, timeoutMs: PREVIEW_MS }
    const answer = await components.sql({ sql, ...limits }, { signal, user: request.user })
    return {
      ...head,
      ...shaped(view, answer.result, rows),
      ...(answer.ranAt === undefined ? {} : { ranAt: answer.ranAt }),
      task: answer.id,
    }
  }
}
