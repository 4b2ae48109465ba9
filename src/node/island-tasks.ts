/** The functions of tasks for the web service, from the parts. */
import { ArchipelError } from '../protocols/model/errors.ts'
import { type Cell, TABLE_ITEM } from '../protocols/model/task.ts'
import type { TableExport, TableExporter, TableFormat } from './results/port.ts'
import type { TasksPort } from './tasks/port.ts'

/** Rows that are handed on at once. */
const BATCH = 1000
/** Characters of one row; what is longer was not written by an island. */
const MAX_LINE = 64 * 1024 * 1024

/** The rows of a table as it is kept, one JSON array a line, in batches. @throws PROTOCOL */
export async function* rowsOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Cell[][]> {
  const decoder = new TextDecoder()
  let rest = ''
  let batch: Cell[][] = []
  const row = (line: string): Cell[] => {
    try {
      return JSON.parse(line) as Cell[]
    } catch (cause) {
      throw new ArchipelError('PROTOCOL', 'the table of the result is damaged', { cause })
    }
  }
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE) throw new ArchipelError('PROTOCOL', 'a row of the result is too long')
    for (const line of lines) {
      if (batch.push(row(line)) < BATCH) continue
      yield batch
      batch = []
    }
  }
  rest += decoder.decode()
  if (rest !== '') batch.push(row(rest))
  if (batch.length > 0) yield batch
}

/** What the web service wants of the tasks: those of the port, and their tables in other formats. */
export type TasksWithTables = TasksPort & {
  /** @throws TASK_STATE (no result yet), NOT_FOUND (no table), RESULT_EXPIRED, DISK_FULL */
  table(id: string, format: TableFormat, options?: { signal?: AbortSignal }): Promise<TableExport>
}

export function islandTasks({ tasks, exporter }: { tasks: TasksPort; exporter: TableExporter }): TasksWithTables {
  return {
    ...tasks,
    async table(id, format, options = {}) {
      const { result, state } = await tasks.show(id, options)
      if (result === undefined) throw new ArchipelError('TASK_STATE', `the task is ${state} and has no result`)
      if (result.table === undefined)
        throw new ArchipelError('NOT_FOUND', `the result is no table, but ${result.kind}`, {
          hint: '`archipel task show <id>` lists what it has; `archipel task result <id> --output <folder>/` saves it.',
        })
      const rows = () => rowsOf(tasks.read(id, TABLE_ITEM, options))
      const signal = options.signal ?? new AbortController().signal
      return exporter.export({ columns: result.table.columns, rows }, format, { signal })
    },
  }
}
