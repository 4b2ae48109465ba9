/** The functions of tasks for the web service, from the parts. */
import { ArchipelError } from '../protocols/model/errors.ts'
import type { TableExport, TableExporter, TableFormat } from './results/port.ts'
import { tableOf } from './results/rows.ts'
import type { TasksPort } from './tasks/port.ts'

/** The tasks of the port, and their tables in other formats. */
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
      const table = tableOf(result, (item) => tasks.read(id, item, options))
      return exporter.export(table, format, { signal: options.signal ?? new AbortController().signal })
    },
  }
}
