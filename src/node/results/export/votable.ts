import type { CellType } from '../../../protocols/model/column-type.ts'
import type { TypedColumn } from './encoder.ts'

/**
 * Units, UCDs and descriptions as a VOTable without data (VOTable 1.4), one FIELD a column: what VOParquet keeps in the
 * metadata of a Parquet file. Undefined when no column has any.
 */
export function votable(columns: TypedColumn[]): string | undefined {
  if (!columns.some((c) => c.unit !== undefined || c.ucd !== undefined || c.description !== undefined)) return undefined
  const fields = columns.map((column) => {
    const attributes = [
      `name="${escaped(column.name)}"`,
      datatype(column.cellType),
      ...(column.unit === undefined ? [] : [`unit="${escaped(column.unit)}"`]),
      ...(column.ucd === undefined ? [] : [`ucd="${escaped(column.ucd)}"`]),
    ].join(' ')
    return column.description === undefined
      ? `<FIELD ${attributes}/>`
      : `<FIELD ${attributes}><DESCRIPTION>${escaped(column.description)}</DESCRIPTION></FIELD>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
    '<RESOURCE type="results"><TABLE>',
    ...fields,
    '</TABLE></RESOURCE>',
    '</VOTABLE>',
  ].join('\n')
}

function datatype(type: CellType): string {
  switch (type.kind) {
    case 'boolean':
      return 'datatype="boolean"'
    case 'integer':
      return `datatype="${type.bits === 64 || (type.bits === 32 && !type.signed) ? 'long' : type.bits === 32 || (type.bits === 16 && !type.signed) ? 'int' : 'short'}"`
    case 'float':
      return `datatype="${type.bits === 32 ? 'float' : 'double'}"`
    case 'decimal':
      return 'datatype="double"'
    case 'blob':
      return 'datatype="unsignedByte" arraysize="*"'
    default:
      return 'datatype="unicodeChar" arraysize="*"'
  }
}

/** XML 1.0 has no other control characters. */
function escaped(text: string): string {
  return (
    text
      .toWellFormed()
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ' ')
  )
}
