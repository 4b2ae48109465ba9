import { zstdCompressSync } from 'node:zlib'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { CellType } from '../../../protocols/model/column-type.ts'
import type { Column } from '../../../protocols/model/dataset.ts'
import { type BatchLimits, columnBatches, type Encoder, typedColumns } from './encoder.ts'
import { votable } from './votable.ts'

type SchemaElement = NonNullable<ConstructorParameters<typeof ParquetWriter>[0]['schema']>[number]

/** A row group. */
const LIMITS: BatchLimits = { rows: 50_000, bytes: 16 * 1024 * 1024 }

/**
 * Apache Parquet, compressed with zstd. What Parquet has no type for is text: intervals, bits, times with an offset, integers
 * of any length; 128-bit integers are DECIMAL(38,0). Units, UCDs and descriptions go along as VOParquet (IVOA Note 1.0).
 */
export function parquetEncoder(columns: Column[], options: { createdBy: string }): Encoder {
  const typed = typedColumns(columns).map((column) => ({ ...column, cellType: storable(column.cellType) }))
  const bytes = new ByteWriter(1024 * 1024)
  const notes = votable(typed)
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [{ name: 'schema', num_children: typed.length }, ...typed.flatMap((c) => elementsOf(c.name, c.cellType))],
    codec: 'ZSTD',
    compressors: { ZSTD: (input) => zstdCompressSync(input) },
    createdBy: options.createdBy,
    ...(notes !== undefined && {
      kvMetadata: [
        { key: 'IVOA.VOTable-Parquet.version', value: '1.0' },
        { key: 'IVOA.VOTable-Parquet.content', value: notes },
      ],
    }),
  })
  const batches = columnBatches(typed, LIMITS, (values, rows) => {
    const columnData = typed.map(({ name }, i) => ({ name, data: values[i]! }))
    void writer.write({ columnData, rowGroupSize: rows })
  })

  /** What was written since, and the buffer for more; offsets in the file count on. */
  function taken(): Uint8Array[] {
    if (bytes.index === 0) return []
    const chunk = bytes.getBytes().slice()
    bytes.index = 0
    return [chunk]
  }

  return {
    push(rows) {
      batches.push(rows)
      return taken()
    },
    end() {
      batches.end()
      void writer.finish()
      return taken()
    },
  }
}

/** Without seconds: Parquet counts at least milliseconds. */
function storable(type: CellType): CellType {
  switch (type.kind) {
    case 'timestamp':
      return type.unit === 's' ? { ...type, unit: 'ms' } : type
    case 'list':
      return { ...type, of: storable(type.of) }
    case 'map':
      return { ...type, key: storable(type.key), value: storable(type.value) }
    case 'struct':
      return { ...type, fields: type.fields.map((field) => ({ ...field, type: storable(field.type) })) }
    case 'union':
      return { ...type, members: type.members.map((field) => ({ ...field, type: storable(field.type) })) }
    default:
      return type
  }
}

const UNITS = { ms: 'MILLIS', us: 'MICROS', ns: 'NANOS' } as const

/** The elements of the schema of a column (parquet-format, LogicalTypes.md), depth first. */
function elementsOf(name: string, type: CellType, required = false): SchemaElement[] {
  const repetition_type = required ? 'REQUIRED' : 'OPTIONAL'
  const leaf = (element: Omit<SchemaElement, 'name' | 'repetition_type'>): SchemaElement[] => [
    { name, repetition_type, ...element },
  ]
  switch (type.kind) {
    case 'boolean':
      return leaf({ type: 'BOOLEAN' })
    case 'integer': {
      const { bits, signed } = type
      // The converted type alone: the writer gives the width of a logical one in more bytes than readers take.
      const converted = signed && bits >= 32 ? {} : { converted_type: `${signed ? '' : 'U'}INT_${bits}` as const }
      return leaf({ type: bits === 64 ? 'INT64' : 'INT32', ...converted })
    }
    case 'decimal': {
      const { precision, scale } = type
      const decimal = {
        converted_type: 'DECIMAL',
        precision,
        scale,
        logical_type: { type: 'DECIMAL', precision, scale },
      } as const
      if (precision <= 9) return leaf({ type: 'INT32', ...decimal })
      return leaf(
        precision <= 18 ? { type: 'INT64', ...decimal } : { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, ...decimal },
      )
    }
    case 'float':
      return leaf({ type: type.bits === 32 ? 'FLOAT' : 'DOUBLE' })
    case 'text':
      return leaf({ type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } })
    case 'json':
      return leaf({ type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'JSON' } })
    case 'blob':
      return leaf({ type: 'BYTE_ARRAY' })
    case 'uuid':
      return leaf({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } })
    case 'date':
      return leaf({ type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } })
    case 'time':
      return leaf({ type: 'INT64', logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: UNITS[type.unit] } })
    case 'timestamp': {
      const unit = UNITS[type.unit === 's' ? 'ms' : type.unit]
      return leaf({ type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: type.utc, unit } })
    }
    case 'list':
      return [
        { name, repetition_type, converted_type: 'LIST', logical_type: { type: 'LIST' }, num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...elementsOf('element', type.of),
      ]
    case 'map':
      return [
        { name, repetition_type, converted_type: 'MAP', logical_type: { type: 'MAP' }, num_children: 1 },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
        ...elementsOf('key', type.key, true),
        ...elementsOf('value', type.value),
      ]
    case 'struct':
    case 'union': {
      const fields = type.kind === 'struct' ? type.fields : type.members
      return [
        { name, repetition_type, num_children: fields.length },
        ...fields.flatMap((field) => elementsOf(field.name, field.type)),
      ]
    }
  }
}
