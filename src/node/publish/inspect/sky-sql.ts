/** SQL for positions; the same arithmetic as HEALPix C++ `loc2pix`, nested scheme (Górski et al. 2005). */
import { quoted } from '../../../protocols/model/sql-names.ts'
import { literal } from './sql.ts'

/** Order of the cells computed in SQL: 3.4 arcminutes. */
export const SQL_ORDER = 10

const SEPARATORS = { minutes: "[:mM '’]", end: '[sS"”]?' }
const RA_PATTERN = `^\\s*\\+?(\\d{1,2})\\s*[:hH ]\\s*(\\d{1,2})(?:\\s*${SEPARATORS.minutes}\\s*(\\d{1,2}(?:\\.\\d*)?)\\s*${SEPARATORS.end})?\\s*[mM]?\\s*$`
const DEC_PATTERN = `^\\s*([+\\-−–]?)(\\d{1,2})\\s*[:dD° ]\\s*(\\d{1,2})(?:\\s*${SEPARATORS.minutes}\\s*(\\d{1,2}(?:\\.\\d*)?)\\s*${SEPARATORS.end})?\\s*[mM'’]?\\s*$`

export type Encoding = 'degrees' | 'hours' | 'sexagesimal'

/** Degrees from a column of right ascensions; NULL where it is none. */
export function raSql(column: string, encoding: Encoding): string {
  const c = quoted(column)
  if (encoding === 'degrees') return `CASE WHEN ${c} BETWEEN -180 AND 360 THEN fmod(${c}::DOUBLE + 360, 360) END`
  if (encoding === 'hours') return `CASE WHEN ${c} >= 0 AND ${c} <= 24 THEN fmod(${c}::DOUBLE * 15, 360) END`
  const hours = parts(c, RA_PATTERN, ['h', 'm', 's'])
  return `list_transform([${hours}], lambda p : CASE WHEN p.m < 60 AND p.s < 61 AND p.h + p.m / 60 + p.s / 3600 <= 24 THEN fmod((p.h + p.m / 60 + p.s / 3600) * 15, 360) END)[1]`
}

/** Degrees from a column of declinations; NULL where it is none. */
export function decSql(column: string, encoding: Encoding): string {
  const c = quoted(column)
  if (encoding !== 'sexagesimal') return `CASE WHEN ${c} BETWEEN -90 AND 90 THEN ${c}::DOUBLE END`
  const degrees = parts(c, DEC_PATTERN, ['g', 'h', 'm', 's'])
  return `list_transform([${degrees}], lambda p : CASE WHEN p.m < 60 AND p.s < 61 AND p.h + p.m / 60 + p.s / 3600 <= 90 THEN CASE WHEN p.g IN ('-', '−', '–') THEN -1 ELSE 1 END * (p.h + p.m / 60 + p.s / 3600) END)[1]`
}

/** One match gives all groups, as a struct of numbers (`g`, the sign, stays text); missing seconds are 0. */
function parts(c: string, pattern: string, groups: string[]): string {
  const fields = groups.map(
    (g) =>
      `'${g}': ${g === 'g' ? 'r.g' : g === 's' ? 'coalesce(try_cast(r.s AS DOUBLE), 0)' : `try_cast(r.${g} AS DOUBLE)`}`,
  )
  return `list_transform([regexp_extract(${c}, ${literal(pattern)}, [${groups.map(literal).join(', ')}])], lambda r : {${fields.join(', ')}})[1]`
}

/**
 * CTEs that end in `cells(ra, dec, cell)`: positions in degrees and their nested cells of order 10. `from` is what the
 * columns are read from.
 */
export function cellsSql(from: string, ra: string, dec: string): string {
  const nside = 2 ** SQL_ORDER
  // Each CTE names what the next one uses, so that no expression grows by repetition.
  return `WITH p AS (SELECT ${ra} AS ra, ${dec} AS dec FROM ${from}),
    q AS (SELECT ra, dec, sin(radians(dec)) AS z, least(fmod(ra / 90, 4), 3.9999999999999996) AS tt FROM p WHERE ra IS NOT NULL AND dec IS NOT NULL AND isfinite(ra) AND isfinite(dec)),
    r AS (SELECT ra, dec, z, tt, abs(z) <= 2.0 / 3 AS belt,
        floor(${nside} * (0.5 + tt) - ${nside} * z * 0.75)::BIGINT AS jp, floor(${nside} * (0.5 + tt) + ${nside} * z * 0.75)::BIGINT AS jm,
        floor(tt)::BIGINT AS ntt, ${nside} * sqrt(greatest(0, 3 * (1 - abs(z)))) AS tmp FROM q),
    s AS (SELECT ra, dec, z, belt, jp, jm, ntt, jp // ${nside} AS fp, jm // ${nside} AS fm,
        least(${nside - 1}, floor((tt - ntt) * tmp)::BIGINT) AS kp, least(${nside - 1}, floor((1 - tt + ntt) * tmp)::BIGINT) AS km FROM r),
    t AS (SELECT ra, dec,
        CASE WHEN belt THEN CASE WHEN fp = fm THEN fp | 4 WHEN fp < fm THEN fp ELSE fm + 8 END WHEN z >= 0 THEN ntt ELSE ntt + 8 END AS face,
        CASE WHEN belt THEN jm & ${nside - 1} WHEN z >= 0 THEN ${nside - 1} - km ELSE kp END AS x,
        CASE WHEN belt THEN ${nside - 1} - (jp & ${nside - 1}) WHEN z >= 0 THEN ${nside - 1} - kp ELSE km END AS y FROM s),
    u1 AS (SELECT ra, dec, face, (x | (x << 8)) & 16711935 AS x, (y | (y << 8)) & 16711935 AS y FROM t),
    u2 AS (SELECT ra, dec, face, (x | (x << 4)) & 252645135 AS x, (y | (y << 4)) & 252645135 AS y FROM u1),
    u3 AS (SELECT ra, dec, face, (x | (x << 2)) & 858993459 AS x, (y | (y << 2)) & 858993459 AS y FROM u2),
    u4 AS (SELECT ra, dec, face, (x | (x << 1)) & 1431655765 AS x, (y | (y << 1)) & 1431655765 AS y FROM u3),
    cells AS (SELECT ra, dec, face * ${nside * nside} + (x | (y << 1)) AS cell FROM u4)`.replace(/\n\s+/g, ' ')
}
