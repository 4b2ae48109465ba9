import * as arrow from 'apache-arrow'
import type { Column } from '../../../protocols/model/dataset.ts'
import { arrowData, arrowType } from './arrow-data.ts'
import { type BatchLimits, columnBatches, type Encoder, typedColumns } from './encoder.ts'

/** A record batch. */
const LIMITS: BatchLimits = { rows: 32_768, bytes: 8 * 1024 * 1024 }

/** The writer of the package with its bytes at hand, without a queue between. */
class CollectingWriter extends arrow.RecordBatchFileWriter {
  readonly #chunks: Uint8Array[] = []

  protected override _write(chunk: Parameters<arrow.RecordBatchFileWriter['toUint8Array']>[0] | unknown): this {
    if (!this._started) return this
    const view = chunk as ArrayBufferView
    if (view.byteLength > 0) {
      this.#chunks.push(new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength))
      this._position += view.byteLength
    }
    return this
  }

  taken(): Uint8Array[] {
    const chunks = this.#chunks.splice(0)
    return chunks.length === 0 ? [] : [Buffer.concat(chunks)]
  }
}

/**
 * The Arrow IPC file format (Feather V2), uncompressed: what pandas, pyarrow and polars open as it is. Texts stand for what
 * Arrow has no type for in common use (as in Parquet), and for UUIDs; units, UCDs and descriptions are metadata of the fields.
 */
export function arrowEncoder(columns: Column[]): Encoder {
  const typed = typedColumns(columns)
  const schema = new arrow.Schema(
    typed.map((column) => {
      const notes = new Map<string, string>()
      for (const key of ['unit', 'ucd', 'description'] as const)
        if (column[key] !== undefined) notes.set(key, column[key])
      return new arrow.Field(column.name, arrowType(column.cellType), true, notes)
    }),
  )
  const writer = new CollectingWriter({ autoDestroy: false })
  writer.reset(undefined, schema)
  const batches = columnBatches(typed, LIMITS, (values, rows) => {
    const children = typed.map((column, i) => arrowData(column.cellType, values[i]!))
    const data = arrow.makeData({ type: new arrow.Struct(schema.fields), length: rows, nullCount: 0, children })
    writer.write(new arrow.RecordBatch(schema, data))
  })
  return {
    push(rows) {
      batches.push(rows)
      return writer.taken()
    },
    end() {
      batches.end()
      writer.finish()
      return writer.taken()
    },
  }
}
