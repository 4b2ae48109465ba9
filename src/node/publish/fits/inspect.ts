import type { Column, Coverage, DatasetBody } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { isoFromMjd } from '../inspect/columns.ts'
import { withNotes } from '../inspect/positions.ts'
import { type SkyCollector, skyCollector } from '../inspect/sky.ts'
import type { SourceFile } from '../port.ts'
import { type CardValue, type Header, natural, number, text } from './cards.ts'
import { type FitsColumn, tableColumns } from './columns.ts'
import { eachHdu } from './hdus.ts'
import { collectPositions, positionOf } from './positions.ts'
import { openForward } from './source.ts'
import { imageWcs } from './wcs.ts'

export type FitsDescription = Pick<DatasetBody, 'headers' | 'columns' | 'rows' | 'coverage' | 'position'>

/** Units whose headers are kept. */
const MAX_HEADERS = 50
const MAX_TEXT = 200
const KEPT =
  /^(EXTNAME|EXTVER|XTENSION|BITPIX|NAXIS\d*|OBJECT|TELESCOP|INSTRUME|DETECTOR|FILTER\d?|BAND|OBSERVER|PROPOSID|PROP_ID|ORIGIN|AUTHOR|REFERENC|DATE|DATE-(OBS|BEG|END|AVG)|MJD-(OBS|BEG|END|AVG)|TIMESYS|EXPTIME|EXPOSURE|TELAPSE|AIRMASS|BUNIT|RADESYS|EQUINOX|CTYPE\d|CRVAL\d|CRPIX\d|CDELT\d|CUNIT\d|TFIELDS|HDUCLASS)$/

interface Span {
  start: number
  end: number
}

/**
 * What FITS files say of themselves, by their headers alone, but for the positions of binary tables, which are read.
 * Headers of the first 50 units are kept, images add their outline to the coverage, columns are those of the first
 * table; rows are counted over all files when each has one table of the same columns.
 *
 * @throws UNREADABLE naming the file
 */
export async function inspectFits(
  files: SourceFile[],
  signal?: AbortSignal,
  onFile?: () => void,
): Promise<FitsDescription> {
  const headers: Record<string, CardValue>[] = []
  const images = skyCollector()
  let tables: { columns: FitsColumn[]; rows: number }[] = []
  let position: DatasetBody['position']
  let positions = skyCollector()
  let span: Span | undefined

  for (const file of files) {
    const inFile: typeof tables = []
    const reader = await openForward(file.local, signal)
    try {
      await eachHdu(
        reader,
        (hdu) => {
          if (headers.length < MAX_HEADERS) headers.push(summary(hdu.header))
          span = joined(span, timeOf(hdu.header))
          if (hdu.kind === 'primary' || hdu.kind === 'image') outline(hdu.header, images)
          if (hdu.kind === 'table' || hdu.kind === 'ascii')
            inFile.push({
              columns: tableColumns(hdu.header, hdu.kind === 'ascii'),
              rows: natural(hdu.header, 'NAXIS2'),
            })
        },
        async (hdu) => {
          const pair = hdu.kind === 'table' && inFile.length === 1 ? positionOf(inFile[0]!.columns) : undefined
          if (pair === undefined) return
          const found = await collectPositions(hdu, pair, reader, positions)
          if (found !== undefined) position ??= found
          else if (position === undefined) positions = skyCollector()
        },
      )
    } catch (error) {
      if (error instanceof ArchipelError && error.code === 'UNREADABLE')
        throw new ArchipelError('UNREADABLE', `${JSON.stringify(file.path)}: ${error.message}`, { cause: error })
      throw error
    } finally {
      await reader.close()
    }
    tables = tables.concat(inFile)
    onFile?.()
  }
  return described(headers, files.length, tables, position, [images, positions], span)
}

function described(
  headers: Record<string, CardValue>[],
  files: number,
  tables: { columns: FitsColumn[]; rows: number }[],
  position: DatasetBody['position'],
  skies: SkyCollector[],
  span: Span | undefined,
): FitsDescription {
  const description: FitsDescription = { headers }
  const first = tables[0]
  if (first !== undefined) {
    description.columns = withNotes(first.columns.map(plainColumn), position, undefined)
    const key = (t: { columns: FitsColumn[] }) => JSON.stringify(t.columns.map((c) => [c.name, c.type]))
    if (files === 1 || (tables.length === files && tables.every((t) => key(t) === key(first)))) {
      description.rows = files === 1 ? first.rows : tables.reduce((sum, t) => sum + t.rows, 0)
    }
  }
  if (position !== undefined) description.position = position
  const [image, catalogue] = skies.map((sky) => sky.coverage())
  // A catalogue's positions say more than the outline of an image beside it.
  const spatial = position !== undefined && catalogue !== undefined ? catalogue : image
  const temporal = span && { start: new Date(span.start).toISOString(), end: new Date(span.end).toISOString() }
  if (spatial !== undefined || temporal !== undefined)
    description.coverage = { ...(spatial && { spatial }), ...(temporal && { temporal }) } satisfies Coverage
  return description
}

function plainColumn({ name, type, unit, ucd, description }: FitsColumn): Column {
  return { name, type, ...(unit && { unit }), ...(ucd && { ucd }), ...(description && { description }) }
}

function summary(header: Header): Record<string, CardValue> {
  const kept = [...header].filter(([keyword]) => KEPT.test(keyword))
  return Object.fromEntries(
    kept.map(([keyword, value]) => [keyword, typeof value === 'string' ? value.slice(0, MAX_TEXT) : value]),
  )
}

/** Samples an image densely: cells are at least a twelfth of its smaller side, samples five times closer. */
function outline(header: Header, sky: SkyCollector): void {
  const wcs = imageWcs(header)
  if (wcs === undefined) return
  const side = sideOf(wcs)
  const samples = side > 20 ? 240 : 64
  const points: { ra: number; dec: number }[] = []
  for (let i = 0; i <= samples; i++) {
    for (let j = 0; j <= samples; j++) {
      const point = wcs.toSky(0.5 + (i / samples) * wcs.width, 0.5 + (j / samples) * wcs.height)
      if (point !== undefined && Number.isFinite(point.ra) && Number.isFinite(point.dec)) points.push(point)
    }
  }
  if (points.length === 0) return
  sky.addOutline(points, side)
  for (const pole of [90, -90] as const) if (wcs.holdsPole(pole)) sky.addPole(pole)
}

/** Degrees of the smaller side, across the middle. */
function sideOf(wcs: NonNullable<ReturnType<typeof imageWcs>>): number {
  const { width, height } = wcs
  const centre = wcs.toSky((width + 1) / 2, (height + 1) / 2)
  const right = wcs.toSky((width + 1) / 2 + 0.5, (height + 1) / 2)
  const up = wcs.toSky((width + 1) / 2, (height + 1) / 2 + 0.5)
  if (centre === undefined || right === undefined || up === undefined) return 180
  const step = (p: { ra: number; dec: number }) => {
    const dra = ((p.ra - centre.ra + 540) % 360) - 180
    return 2 * Math.hypot(dra * Math.cos((centre.dec * Math.PI) / 180), p.dec - centre.dec)
  }
  return Math.min(180, step(right) * width, step(up) * height)
}

/** The time a unit was observed in, milliseconds. */
function timeOf(header: Header): Span | undefined {
  const start =
    dateOf(text(header, 'DATE-BEG')) ??
    dateOf(text(header, 'DATE-OBS'), text(header, 'TIME-OBS')) ??
    mjdOf(number(header, 'MJD-BEG') ?? number(header, 'MJD-OBS'))
  if (start === undefined) return undefined
  const end = dateOf(text(header, 'DATE-END')) ?? mjdOf(number(header, 'MJD-END'))
  const exposure = number(header, 'EXPTIME') ?? number(header, 'EXPOSURE') ?? 0
  return { start, end: Math.max(start, end ?? start + (exposure > 0 && exposure < 1e7 ? exposure * 1000 : 0)) }
}

function mjdOf(mjd: number | undefined): number | undefined {
  const iso = mjd === undefined ? undefined : isoFromMjd(mjd)
  return iso === undefined ? undefined : Date.parse(iso)
}

/** ISO 8601, or dd/mm/yy of the 20th century (FITS 4.0, 9.1.1). */
function dateOf(date: string | undefined, time?: string): number | undefined {
  if (date === undefined) return undefined
  const old = /^(\d\d)\/(\d\d)\/(\d\d)$/.exec(date)
  const day = old === null ? date : `19${old[3]}-${old[2]}-${old[1]}`
  const m = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?/.exec(day)
  if (m === null) return undefined
  const clock = m[2] ?? /^\d\d:\d\d:\d\d(\.\d+)?/.exec(time ?? '')?.[0] ?? '00:00:00'
  const ms = Date.parse(`${m[1]}T${clock}Z`)
  return Number.isNaN(ms) ? undefined : ms
}

function joined(a: Span | undefined, b: Span | undefined): Span | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) }
}
