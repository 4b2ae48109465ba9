import type { Column } from '../../../protocols/model/dataset.ts'
import type { TableFormat } from '../port.ts'
import type { Encoder } from './encoder.ts'
import { csvEncoder, jsonEncoder } from './text.ts'

/** The packages of the binary formats are loaded when they are first needed. */
export async function encoderFor(format: TableFormat, columns: Column[], createdBy: string): Promise<Encoder> {
  switch (format) {
    case 'csv':
      return csvEncoder(columns)
    case 'json':
    case 'ndjson':
      return jsonEncoder(columns, { lines: format === 'ndjson' })
    case 'parquet':
      return (await import('./parquet.ts')).parquetEncoder(columns, { createdBy })
    case 'arrow':
      return (await import('./arrow.ts')).arrowEncoder(columns)
  }
}
