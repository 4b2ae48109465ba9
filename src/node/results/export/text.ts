import type { Column } from '../../../protocols/model/dataset.ts'
import type { Cell } from '../../../protocols/model/task.ts'
import type { Encoder } from './encoder.ts'
import { uniqueNames } from './unique-names.ts'

const bytesOf = (text: string): Uint8Array[] => (text === '' ? [] : [Buffer.from(text)])

/**
 * RFC 4180: CRLF, a header line, quotes where a field needs them. NULL is an empty field, an empty text is `""`; lists and structs
 * are JSON. A text that begins with `=`, `+`, `-` or `@` stays as it is: altering data is not the exporter's business,
 * and a spreadsheet may take it for a formula.
 */
export function csvEncoder(columns: Column[]): Encoder {
  const single = columns.length === 1
  let begun = false
  const header = () => {
    if (begun) return ''
    begun = true
    return `${uniqueNames(columns.map((column) => column.name))
      .map(field)
      .join(',')}\r\n`
  }
  return {
    push(rows) {
      let text = header()
      for (const row of rows) {
        // A line that is empty would not count as one.
        text += single && row[0] === null ? '""\r\n' : `${row.map(csvCell).join(',')}\r\n`
      }
      return bytesOf(text)
    },
    end: () => bytesOf(header()),
  }
}

function csvCell(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'string') return cell === '' ? '""' : field(cell)
  return typeof cell === 'object' ? field(JSON.stringify(cell)) : String(cell)
}

function field(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One object a row, in an array or (`lines`) one a line. Keys keep the order of the columns, whatever they look like. */
export function jsonEncoder(columns: Column[], { lines }: { lines: boolean }): Encoder {
  const keys = uniqueNames(columns.map((column) => column.name)).map((name) => `${JSON.stringify(name)}:`)
  let first = true
  const object = (row: Cell[]) => `{${keys.map((key, i) => key + JSON.stringify(row[i] ?? null)).join(',')}}`
  return {
    push(rows) {
      let text = ''
      for (const row of rows) {
        if (!lines) text += first ? '[\n' : ',\n'
        first = false
        text += lines ? `${object(row)}\n` : object(row)
      }
      return bytesOf(text)
    },
    end: () => bytesOf(lines ? '' : first ? '[]\n' : '\n]\n'),
  }
}
