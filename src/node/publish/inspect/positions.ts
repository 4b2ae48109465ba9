import type { Column, Coverage, DatasetBody } from '../../../protocols/model/dataset.ts'
import { quoted } from '../../../protocols/model/sql-names.ts'
import {
  isNumeric,
  isoFromMjd,
  JD_RANGE,
  MJD_RANGE,
  positionCandidates,
  type TimeKind,
  timeCandidates,
} from './columns.ts'
import { RA_BINS, skyCollector } from './sky.ts'
import { cellsSql, decSql, type Encoding, raSql, SQL_ORDER } from './sky-sql.ts'
import { numberOf, records } from './sql.ts'
import type { Query, Table } from './table.ts'

/** Share of the rows with both values that have to be a position. */
const MIN_VALID = 0.95
const MAX_CELLS = 50_000

export type Position = NonNullable<DatasetBody['position']>

/** Finds the position columns and checks their values. Undefined when no pair of columns holds positions. */
export async function findPosition(table: Table, query: Query): Promise<Position | undefined> {
  for (const { ra, dec } of positionCandidates(table.columns)) {
    const encoding = await encodingOf(table, ra, dec, query)
    if (encoding !== undefined) return { ra: ra.name, dec: dec.name, encoding }
  }
  return undefined
}

/**
 * Text is sexagesimal (hours and degrees). Numbers are degrees, unless the unit or name says hours, or nothing says
 * anything and a large, wide table (1,000 rows, 60 degrees of declination) fills 0 to 24 and goes no further.
 */
async function encodingOf(table: Table, ra: Column, dec: Column, query: Query): Promise<Encoding | undefined> {
  if (isNumeric(ra.type) !== isNumeric(dec.type)) return undefined
  const text = !isNumeric(ra.type)
  const [a, d] = [quoted(ra.name), quoted(dec.name)]
  const sexagesimal = { ra: raSql(ra.name, 'sexagesimal'), dec: decSql(dec.name, 'sexagesimal') }
  const degrees = { ra: raSql(ra.name, 'degrees'), dec: decSql(dec.name, 'degrees') }
  const test = text ? sexagesimal : degrees
  const extremes = text
    ? '0 AS low, 0 AS high, 0 AS spread'
    : `min(ra) AS low, max(ra) AS high, max(dec) - min(dec) AS spread`
  const [row] = records(
    await query(`SELECT count_if(given) AS given, count_if(ra IS NOT NULL AND dec IS NOT NULL) AS valid, ${extremes}
      FROM (SELECT ${a} IS NOT NULL AND ${d} IS NOT NULL AS given, ${test.ra} AS ra, ${test.dec} AS dec FROM ${table.from})`),
  )
  const given = numberOf(row!.given)
  const valid = numberOf(row!.valid)
  if (valid === 0 || valid < given * MIN_VALID) return undefined
  if (text) return 'sexagesimal'
  const high = numberOf(row!.high)
  if (high > 24) return /^h(our)?s?$/i.test(ra.unit ?? '') ? undefined : 'degrees'
  if (/^h(our)?s?$/i.test(ra.unit ?? '') || /hour|(^|_)rah$/i.test(ra.name)) return 'hours'
  if (/^deg/i.test(ra.unit ?? '') || /deg/i.test(ra.name)) return 'degrees'
  const wide = valid >= 1000 && numberOf(row!.spread) > 60 && numberOf(row!.low) < 1 && high > 23
  return wide ? 'hours' : 'degrees'
}

/** Coverage of the positions: every one of them lies in the MOC and the box. */
export async function spatialCoverage(table: Table, position: Position, query: Query): Promise<Coverage['spatial']> {
  const cells = cellsSql(table.from, raSql(position.ra, position.encoding), decSql(position.dec, position.encoding))
  const orders = [SQL_ORDER, 9, 8, 7, 6]
  const shift = (order: number) => 2 * (SQL_ORDER - order)
  const [counts] = (
    await query(`${cells} SELECT ${orders.map((o) => `count(DISTINCT cell >> ${shift(o)})`).join(', ')} FROM cells`)
  ).rows
  if (numberOf(counts![0]) === 0) return undefined
  const order = orders.find((_, i) => numberOf(counts![i]) <= MAX_CELLS)!
  const sky = skyCollector(order)
  const distinct = await query(`${cells} SELECT DISTINCT cell >> ${shift(order)} FROM cells`)
  sky.addCells(
    order,
    distinct.rows.map((row) => numberOf(row[0])),
  )
  const bins = await query(
    `${cells} SELECT min(ra), max(ra), min(dec), max(dec) FROM cells GROUP BY floor(ra / ${360 / RA_BINS})`,
  )
  for (const [raMin, raMax, decMin, decMax] of bins.rows)
    sky.addBin(Number(raMin), Number(raMax), Number(decMin), Number(decMax))
  return sky.coverage()
}

/** The time column, checked, and the time it spans. */
export async function findTime(
  table: Table,
  query: Query,
): Promise<{ column: string; temporal: NonNullable<Coverage['temporal']> } | undefined> {
  for (const { column, kind } of timeCandidates(table.columns)) {
    const value = timeSql(column.name, kind)
    const [row] = records(
      await query(
        `SELECT count(${quoted(column.name)}) AS given, count(t) AS valid, min(t)::VARCHAR AS low, max(t)::VARCHAR AS high FROM (SELECT *, ${value} AS t FROM ${table.from})`,
      ),
    )
    const given = numberOf(row!.given)
    const valid = numberOf(row!.valid)
    if (valid === 0 || valid < given * MIN_VALID) continue
    const [start, end] = [isoOf(row!.low, kind), isoOf(row!.high, kind)]
    if (start !== undefined && end !== undefined) return { column: column.name, temporal: { start, end } }
  }
  return undefined
}

function timeSql(column: string, kind: TimeKind): string {
  const c = quoted(column)
  if (kind === 'mjd') return `CASE WHEN ${c} BETWEEN ${MJD_RANGE[0]} AND ${MJD_RANGE[1]} THEN ${c}::DOUBLE END`
  if (kind === 'jd') return `CASE WHEN ${c} BETWEEN ${JD_RANGE[0]} AND ${JD_RANGE[1]} THEN ${c}::DOUBLE END`
  if (kind === 'text')
    return `CASE WHEN regexp_matches(${c}, '^\\d{4}-\\d\\d-\\d\\d') THEN try_cast(${c} AS TIMESTAMP) END`
  return `CASE WHEN isfinite(${c}::TIMESTAMP) THEN ${c}::TIMESTAMP END`
}

function isoOf(cell: unknown, kind: TimeKind): string | undefined {
  if (kind === 'mjd') return isoFromMjd(Number(cell))
  if (kind === 'jd') return isoFromMjd(Number(cell) - 2_400_000.5)
  const date = new Date(`${String(cell).replace(' ', 'T')}Z`)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** Columns with what was found out about them; what the source said stays. */
export function withNotes(columns: Column[], position: Position | undefined, time: string | undefined): Column[] {
  return columns.map((column) => {
    if (column.name === position?.ra)
      return { ...column, unit: column.unit ?? raUnit(position.encoding), ucd: column.ucd ?? 'pos.eq.ra;meta.main' }
    if (column.name === position?.dec)
      return {
        ...column,
        unit: column.unit ?? (position.encoding === 'sexagesimal' ? 'd:m:s' : 'deg'),
        ucd: column.ucd ?? 'pos.eq.dec;meta.main',
      }
    if (column.name === time) return { ...column, ucd: column.ucd ?? 'time.epoch' }
    return column
  })
}

function raUnit(encoding: Encoding): string {
  return { degrees: 'deg', hours: 'h', sexagesimal: 'h:m:s' }[encoding]
}
