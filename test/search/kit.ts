import type { IndexEntry } from '../../src/node/search/port.ts'
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { cellOf } from '../../src/protocols/sky/cone.ts'
import { fitMoc, mocOfCells } from '../../src/protocols/sky/moc.ts'

export const island = (letter: string) => `isl${letter.repeat(32)}`

export function entry(name: string, more: Partial<DatasetBody> = {}, record: Partial<IndexEntry> = {}): IndexEntry {
  const publisher = record.publisher ?? island('a')
  return {
    publisher,
    id: `archipel:${publisher}/${name}`,
    recordedAt: 1_700_000_000_000,
    body: {
      name,
      title: name.replaceAll('_', ' '),
      keywords: [],
      creators: [],
      created: '2026-01-01T00:00:00Z',
      modified: '2026-01-01T00:00:00Z',
      version: '0'.repeat(64),
      size: 1000,
      files: 1,
      format: 'csv',
      aliases: [],
      ...more,
    },
    ...record,
  }
}

/** Coverage of a square field, degrees. */
export function field(ra: number, dec: number, side: number): NonNullable<DatasetBody['coverage']> {
  const cells: number[] = []
  const order = side > 10 ? 5 : side > 1 ? 8 : 11
  for (let i = 0; i <= 12; i++) {
    for (let j = 0; j <= 12; j++) {
      const d = Math.max(-90, Math.min(90, dec + (j / 12 - 0.5) * side))
      const a = (ra + ((i / 12 - 0.5) * side) / Math.max(0.05, Math.cos((d * Math.PI) / 180)) + 360) % 360
      cells.push(cellOf(order, a, d))
    }
  }
  const half = side / 2 / Math.max(0.05, Math.cos((Math.min(89, Math.abs(dec) + side / 2) * Math.PI) / 180))
  const around = half >= 180
  return {
    spatial: {
      frame: 'ICRS',
      moc: fitMoc(mocOfCells(order, cells), order, 1500),
      box: {
        raMin: around ? 0 : (ra - half + 360) % 360,
        raMax: around ? 360 : (ra + half) % 360,
        decMin: Math.max(-90, dec - side / 2),
        decMax: Math.min(90, dec + side / 2),
      },
    },
  }
}
