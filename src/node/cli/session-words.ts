import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Cell } from '../../protocols/model/task.ts'
import type { StatementOutput } from '../../protocols/model/views.ts'
import { cleanLines, safeJson } from './clean.ts'
import { cellText } from './format.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'

/** @throws BAD_INPUT */
export function sessionNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new ArchipelError('BAD_INPUT', `not the number of a session: ${text}`)
  return Number(text)
}

interface Table {
  schema: { fields: { name: string; metadata: { unit?: string } }[] }
  data: Cell[][]
  truncated: boolean
}

const isTable = (value: unknown): value is Table => typeof value === 'object' && value !== null && 'schema' in value

/** Tables, text and values; of all else the type. */
export function printOutput(io: Io, output: Extract<StatementOutput, { status: 'ok' }>): void {
  const notes: string[] = []
  for (const [type, value] of Object.entries(output.data)) {
    if (isTable(value)) {
      const columns = value.schema.fields.map(({ name }) => ({ header: name, min: 4 }))
      const rows = value.data.map((row) => columns.map((_, i) => cellText(row[i])))
      io.print(table(columns, rows, { width: io.width, style: (text) => io.style('bold', text) }))
      if (value.truncated) notes.push('the first rows; --max-rows shows more')
    } else if (type === 'application/json') io.print(safeJson(value, 2))
    else if (typeof value === 'string' && type.startsWith('text/')) io.print(cleanLines(value.replace(/\n$/, '')))
    else notes.push(`${type}: --json prints it`)
  }
  for (const note of notes) io.note(note)
}
