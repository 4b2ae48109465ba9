import type { Column, Dialect } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { TableResult } from '../../../protocols/model/task.ts'
import type { SourceFile } from '../port.ts'

/** Runs one trusted statement over the files under inspection. */
export type Query = (sql: string) => Promise<TableResult>

/** What was found out about a table in files. */
export interface Table {
  columns: Column[]
  rows: number
  dialect?: Dialect
  /** What to put after FROM to read all of it. */
  from: string
}

export function unreadable(file: SourceFile, why: string): ArchipelError {
  return new ArchipelError('UNREADABLE', `${JSON.stringify(file.path)}: ${why}`)
}

/** Files of one kind that are not one table: for a folder no error, but its being plain files. */
export class DifferentSchema extends ArchipelError {}

export function differentSchema(file: SourceFile): ArchipelError {
  return new DifferentSchema('UNREADABLE', `${JSON.stringify(file.path)} has other columns than the first file`, {
    hint: 'Publish it on its own, or all with --as files.',
  })
}
