import { type CellType, parseType } from '../../../protocols/model/column-type.ts'
import type { Column } from '../../../protocols/model/dataset.ts'
import type { Cell } from '../../../protocols/model/task.ts'
import { uniqueNames } from './unique-names.ts'
import { converter, type Value, weightOf } from './values.ts'

/** Turns rows into the bytes of a format, in their order. Only what a batch needs is held. */
export interface Encoder {
  push(rows: Cell[][]): Uint8Array[]
  /** The rest. Nothing may follow. */
  end(): Uint8Array[]
}

export interface TypedColumn extends Column {
  /** There once. */
  name: string
  cellType: CellType
}

export function typedColumns(columns: Column[]): TypedColumn[] {
  const names = uniqueNames(columns.map((column) => column.name))
  return columns.map((column, i) => ({ ...column, name: names[i]!, cellType: parseType(column.type) }))
}

export interface BatchLimits {
  rows: number
  /** Roughly. */
  bytes: number
}

/** Gathers rows by column until there are enough of them for a batch of a columnar format. */
export function columnBatches(
  columns: TypedColumn[],
  limits: BatchLimits,
  write: (values: Value[][], rows: number) => void,
): { push(rows: Cell[][]): void; end(): void } {
  const converters = columns.map((column) => converter(column.name, column.type, column.cellType))
  let values: Value[][] = columns.map(() => [])
  let rows = 0
  let weight = 0

  const flush = () => {
    if (rows === 0) return
    const full = values
    const count = rows
    values = columns.map(() => [])
    rows = 0
    weight = 0
    write(full, count)
  }

  return {
    push(batch) {
      for (const row of batch) {
        for (let i = 0; i < converters.length; i++) {
          const value = converters[i]!(row[i] ?? null)
          values[i]!.push(value)
          weight += typeof value === 'number' || value === null ? 8 : weightOf(value)
        }
        rows++
        if (rows >= limits.rows || weight >= limits.bytes) flush()
      }
    },
    end: flush,
  }
}
