import type { DatasetBody } from '../../../protocols/model/dataset.ts'
import { positionCandidates } from '../inspect/columns.ts'
import type { SkyCollector } from '../inspect/sky.ts'
import { natural } from './cards.ts'
import type { FitsColumn } from './columns.ts'
import type { Hdu } from './hdus.ts'
import type { ForwardReader } from './source.ts'

/** Bytes of table data that are read for coverage; larger tables are described without. */
const MAX_DATA_BYTES = 8 * 1024 ** 3
const CHUNK_BYTES = 1024 * 1024
/** Rows of one turn of the event loop. */
const ROWS_AT_ONCE = 5000

/** The position columns of a binary table, by name and kind; their values are checked when they are read. */
export function positionOf(columns: FitsColumn[]): { ra: FitsColumn; dec: FitsColumn } | undefined {
  const usable = columns.filter((c) => (c.code === 'D' || c.code === 'E') && c.repeat === 1)
  return positionCandidates(usable)[0] as { ra: FitsColumn; dec: FitsColumn } | undefined
}

/**
 * Reads the positions of a binary table into `sky`. Undefined when the table is too large or the values are no
 * positions (then `sky` may hold some of them and is to be dropped).
 */
export async function collectPositions(
  hdu: Hdu,
  pair: { ra: FitsColumn; dec: FitsColumn },
  reader: ForwardReader,
  sky: SkyCollector,
): Promise<DatasetBody['position']> {
  const rowBytes = natural(hdu.header, 'NAXIS1')
  let rows = natural(hdu.header, 'NAXIS2')
  const end = Math.max(pair.ra.offset, pair.dec.offset) + 8
  if (rows === 0 || rowBytes * rows > MAX_DATA_BYTES || end > rowBytes + 4 || rowBytes === 0) return undefined
  const hours = /^h(our)?s?$/i.test(pair.ra.unit ?? '')
  const perChunk = Math.max(1, Math.min(ROWS_AT_ONCE, Math.floor(CHUNK_BYTES / rowBytes)))
  let given = 0
  let valid = 0
  while (rows > 0) {
    const count = Math.min(perChunk, rows)
    const bytes = await reader.take(count * rowBytes)
    const whole = Math.floor(bytes.length / rowBytes)
    for (let i = 0; i < whole; i++) {
      const ra = cellValue(bytes, i * rowBytes, pair.ra) * (hours ? 15 : 1)
      const dec = cellValue(bytes, i * rowBytes, pair.dec)
      if (Number.isNaN(ra) || Number.isNaN(dec)) continue
      given++
      if (!(ra >= -180 && ra <= 360 && dec >= -90 && dec <= 90)) continue
      valid++
      sky.add(ra, dec)
    }
    if (whole < count) break
    rows -= count
  }
  return valid > 0 && valid >= given * 0.95
    ? { ra: pair.ra.name, dec: pair.dec.name, encoding: hours ? 'hours' : 'degrees' }
    : undefined
}

function cellValue(bytes: Buffer, row: number, column: FitsColumn): number {
  const at = row + column.offset
  const raw = column.code === 'D' ? bytes.readDoubleBE(at) : bytes.readFloatBE(at)
  return column.zero + column.scale * raw
}
