import { ArchipelError } from '../../../protocols/model/errors.ts'
import { BLOCK_BYTES, type Header, natural, readHeader } from './cards.ts'
import type { ForwardReader } from './source.ts'

export const MAX_HDUS = 1000

export interface Hdu {
  index: number
  header: Header
  kind: 'primary' | 'image' | 'table' | 'ascii' | 'other'
  /** Bytes of the data, without padding. */
  dataBytes: number
}

/**
 * The header-data units of a file, one after the other. `onData` may read from the reader what the unit's data hold (at
 * most `dataBytes`); what it leaves is passed over.
 *
 * @throws UNREADABLE data that the file does not have (a cut file, or an absurd NAXIS), more than 1,000 units
 */
export async function eachHdu(
  reader: ForwardReader,
  onHdu: (hdu: Hdu) => void,
  onData?: (hdu: Hdu) => Promise<void>,
): Promise<void> {
  for (let index = 0; ; index++) {
    if (index === MAX_HDUS) throw new ArchipelError('UNREADABLE', `the FITS file has more than ${MAX_HDUS} units`)
    let header: Header | undefined
    try {
      header = await readHeader(reader)
    } catch (error) {
      // What follows the last unit and is no header is not part of the file (FITS 4.0, 3.5).
      if (index > 0 && error instanceof ArchipelError && error.message === 'not a FITS header') return
      throw error
    }
    if (header === undefined) {
      if (index === 0) throw new ArchipelError('UNREADABLE', 'it is empty')
      return
    }
    const hdu = { index, header, kind: kindOf(header, index), dataBytes: dataBytes(header) }
    onHdu(hdu)
    const start = reader.position
    await onData?.(hdu)
    const left = hdu.dataBytes - (reader.position - start)
    if ((await reader.skip(left)) < left)
      throw new ArchipelError('UNREADABLE', `the FITS file ends inside the data of unit ${index}`)
    // The padding of the last unit is often missing.
    await reader.skip((BLOCK_BYTES - (hdu.dataBytes % BLOCK_BYTES)) % BLOCK_BYTES)
  }
}

function kindOf(header: Header, index: number): Hdu['kind'] {
  const extension = header.get('XTENSION')
  if (index === 0) return 'primary'
  if (extension === 'BINTABLE') return header.get('ZIMAGE') === true ? 'image' : 'table'
  if (extension === 'TABLE') return 'ascii'
  return extension === 'IMAGE' ? 'image' : 'other'
}

/** FITS 4.0, equations 1, 2 and (random groups) 4. */
function dataBytes(header: Header): number {
  const bitpix = header.get('BITPIX')
  if (typeof bitpix !== 'number' || ![8, 16, 32, 64, -32, -64].includes(bitpix))
    throw new ArchipelError('UNREADABLE', 'the FITS keyword BITPIX is none of the values allowed')
  const axes = natural(header, 'NAXIS')
  if (axes > 999) throw new ArchipelError('UNREADABLE', 'the FITS keyword NAXIS is above 999')
  if (axes === 0) return 0
  const groups = header.get('GROUPS') === true && natural(header, 'NAXIS1') === 0
  let elements = 1
  for (let i = groups ? 2 : 1; i <= axes; i++) elements *= natural(header, `NAXIS${i}`)
  const bytes = (Math.abs(bitpix) / 8) * natural(header, 'GCOUNT', 1) * (natural(header, 'PCOUNT', 0) + elements)
  if (!Number.isSafeInteger(bytes))
    throw new ArchipelError('UNREADABLE', 'the FITS header declares more data than any file has')
  return bytes
}
