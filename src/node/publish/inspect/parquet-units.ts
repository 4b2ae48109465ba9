import type { Column } from '../../../protocols/model/dataset.ts'

export type ColumnNotes = Partial<Pick<Column, 'unit' | 'ucd' | 'description'>>

const LIMITS = { unit: 64, ucd: 128, description: 1000 } as const

/**
 * Units, UCDs and descriptions of columns from a Parquet file's key-value metadata:
 * - VOParquet (IVOA note, 1.0): a data-less VOTable under `IVOA.VOTable-Parquet.content`;
 * - astropy's `table_meta_yaml`.
 * Read leniently: what is not understood is left out.
 */
export function unitsFromMetadata(metadata: Iterable<readonly [key: string, value: string]>): Map<string, ColumnNotes> {
  const notes = new Map<string, ColumnNotes>()
  for (const [key, value] of metadata) {
    if (key === 'IVOA.VOTable-Parquet.content') fromVotable(value, notes)
    else if (key === 'table_meta_yaml') fromAstropy(value, notes)
  }
  return notes
}

function fromVotable(xml: string, notes: Map<string, ColumnNotes>): void {
  for (const field of xml.matchAll(/<(?:\w+:)?FIELD\b([^>]*?)(?:\/>|>([\s\S]*?)<\/(?:\w+:)?FIELD>)/g)) {
    const attributes = new Map(
      [...field[1]!.matchAll(/([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map((m) => [
        m[1]!,
        plain(m[2] ?? m[3] ?? ''),
      ]),
    )
    const description = /<(?:\w+:)?DESCRIPTION>([\s\S]*?)<\//.exec(field[2] ?? '')?.[1]
    add(notes, attributes.get('name'), {
      unit: attributes.get('unit'),
      ucd: attributes.get('ucd'),
      description: description && plain(description),
    })
  }
}

/** `- {name: ra, unit: deg, datatype: float64, description: 'Right ascension'}`, on one line or several. */
function fromAstropy(yaml: string, notes: Map<string, ColumnNotes>): void {
  for (const item of yaml.matchAll(/^\s*- \{([^}]*)\}/gm)) {
    const fields = new Map(
      [...item[1]!.matchAll(/(\w+):\s*(?:'((?:[^']|'')*)'|"([^"]*)"|([^,'"]*))/g)].map((m) => [
        m[1]!,
        (m[2]?.replaceAll("''", "'") ?? m[3] ?? m[4] ?? '').trim(),
      ]),
    )
    add(notes, fields.get('name'), {
      unit: fields.get('unit'),
      ucd: fields.get('ucd'),
      description: fields.get('description'),
    })
  }
}

function add(
  notes: Map<string, ColumnNotes>,
  column: string | undefined,
  values: Record<keyof typeof LIMITS, string | undefined>,
): void {
  if (column === undefined || notes.size > 10_000) return
  const kept: ColumnNotes = {}
  for (const key of ['unit', 'ucd', 'description'] as const) {
    const value = values[key]?.replace(/\s+/g, ' ').trim()
    if (value) kept[key] = value.slice(0, LIMITS[key])
  }
  notes.set(column, kept)
}

function plain(xml: string): string {
  return xml
    .replace(/<[^>]*>/g, '')
    .replace(
      /&(lt|gt|quot|apos|amp);/g,
      (_, entity: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[entity]!,
    )
}
