import type { Column } from '../../../protocols/model/dataset.ts'

/** Names that mean right ascension and declination, in the order they are preferred; without case and separators. */
const POSITION_NAMES: [ra: string, dec: string[]][] = [
  ['ra', ['dec', 'de', 'decl']],
  ['raj2000', ['dej2000', 'decj2000']],
  ['raicrs', ['deicrs', 'decicrs']],
  ['radeg', ['decdeg', 'dedeg']],
  ['radegrees', ['decdegrees']],
  ['ra2000', ['dec2000', 'de2000']],
  ['ramean', ['decmean']],
  ['rightascension', ['declination']],
  ['sra', ['sdec']],
  ['meanra', ['meandec']],
  ['racenter', ['deccenter']],
  ['alphaj2000', ['deltaj2000']],
  ['rahms', ['decdms']],
  ['rahours', ['decdeg', 'dec', 'decdegrees']],
  ['rah', ['decd', 'dec']],
]

const TIME_NAMES =
  /^(dateobs|obsdate|dateobserved|obstime|observationtime|obsstart|datetime|timestamp|tmin|time|date|utc|epoch|mjdobs|mjd|jd|hjd|bjd|bmjd|midpointmjdtai|tstart|start)$/
const MJD_NAMES = /mjd/
const JD_NAMES = /^(jd|hjd|bjd|.*jd)$/
/** When a row was made, not when the sky was seen. */
const ROW_NAMES = /(creat|updat|modif|insert|ingest|process|release)/

const NUMERIC = /^(DOUBLE|FLOAT|REAL|DECIMAL.*|U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER)$/
const INSTANT = /^(TIMESTAMP.*|DATE)$/

export function isNumeric(type: string): boolean {
  return NUMERIC.test(type)
}

export function canonical(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/**
 * Pairs of columns that may be a position, the likeliest first: by UCD where the source gives it (`meta.main` before
 * others), then by name. `lon`/`lat` and other frames are not taken.
 */
export function positionCandidates(columns: Column[]): { ra: Column; dec: Column }[] {
  const pairs: { ra: Column; dec: Column }[] = []
  const usable = columns.filter(
    (c) => (isNumeric(c.type) || c.type === 'VARCHAR') && !/^rad(ians?)?$/i.test(c.unit ?? ''),
  )
  const byUcd = (word: string) =>
    usable.filter((c) => c.ucd?.toLowerCase().startsWith(word)).sort((a, b) => main(b) - main(a))
  const [ra, dec] = [byUcd('pos.eq.ra')[0], byUcd('pos.eq.dec')[0]]
  if (ra !== undefined && dec !== undefined) pairs.push({ ra, dec })
  for (const [raName, decNames] of POSITION_NAMES) {
    const a = usable.find((c) => canonical(c.name) === raName)
    const d = decNames.map((n) => usable.find((c) => canonical(c.name) === n)).find((c) => c !== undefined)
    if (a !== undefined && d !== undefined && !pairs.some((p) => p.ra === a && p.dec === d))
      pairs.push({ ra: a, dec: d })
  }
  return pairs
}

function main(column: Column): number {
  return column.ucd?.includes('meta.main') ? 1 : 0
}

export type TimeKind = 'instant' | 'mjd' | 'jd' | 'text'

/** Columns that may hold the time of observation, the likeliest first. Values still have to be checked. */
export function timeCandidates(columns: Column[]): { column: Column; kind: TimeKind }[] {
  const found: { column: Column; kind: TimeKind; score: number }[] = []
  for (const column of columns) {
    const key = canonical(column.name)
    const named = TIME_NAMES.test(key)
    const told =
      column.ucd?.toLowerCase().startsWith('time.epoch') || column.ucd?.toLowerCase().startsWith('time.start')
    const score = (told ? 4 : 0) + (named ? 2 : 0)
    if (INSTANT.test(column.type)) {
      if (!ROW_NAMES.test(key)) found.push({ column, kind: 'instant', score: score + 1 })
    } else if (isNumeric(column.type)) {
      if (MJD_NAMES.test(key) || /mjd/i.test(column.unit ?? '')) found.push({ column, kind: 'mjd', score: score + 1 })
      else if (JD_NAMES.test(key)) found.push({ column, kind: 'jd', score: score + 1 })
    } else if (column.type === 'VARCHAR' && (named || told)) found.push({ column, kind: 'text', score })
  }
  return found.sort((a, b) => b.score - a.score).slice(0, 5)
}

/** ISO 8601 from a (modified) Julian date; the difference of time scales (about a minute) is not resolved. */
export function isoFromMjd(mjd: number): string | undefined {
  const ms = (mjd - 40_587) * 86_400_000
  return Number.isFinite(ms) && Math.abs(ms) < 8e15 ? new Date(Math.round(ms)).toISOString() : undefined
}

/** Days that a survey may have: 1850 to 2150. */
export const MJD_RANGE = [-3000, 106_500] as const
export const JD_RANGE = [MJD_RANGE[0] + 2_400_000.5, MJD_RANGE[1] + 2_400_000.5] as const
