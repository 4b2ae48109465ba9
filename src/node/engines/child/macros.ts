/**
 * SQL run in every session before its configuration is locked: `CREATE MACRO name(args) AS ...`.
 * A name that statements may use has to be in `HELPERS` of `functions.ts`, too; the others begin with two underscores.
 * Angles are in degrees.
 */

/**
 * The great-circle distance by Vincenty's formula with the latitude term written for small angles: exact to
 * rounding from micro-arcseconds to the antipodes, and at the poles. (`cos d1 sin d2 - sin d1 cos d2 cos a` is
 * `sin(d2 - d1) + 2 sin d1 cos d2 sin^2(a/2)`, which does not cancel.)
 */
const SEPARATION = `
CREATE MACRO __separation(ra1, dec1, ra2, dec2) AS degrees(atan2(
  sqrt(
    pow(cos(radians(dec2)) * sin(radians(ra2 - ra1)), 2) +
    pow(sin(radians(dec2 - dec1)) + 2 * sin(radians(dec1)) * cos(radians(dec2)) * pow(sin(radians(ra2 - ra1) / 2), 2), 2)
  ),
  sin(radians(dec1)) * sin(radians(dec2)) + cos(radians(dec1)) * cos(radians(dec2)) * cos(radians(ra2 - ra1))
))`

const CHECKED_SEPARATION = `
CREATE MACRO separation(ra1, dec1, ra2, dec2) AS
  CASE WHEN __is_dec(dec1) AND __is_dec(dec2) THEN __separation(ra1, dec1, ra2, dec2) END`

/** A declination, but for what calculating adds beyond the poles. */
const IS_DEC = 'CREATE MACRO __is_dec(deg) AS abs(deg) <= 90 + 1e-9'

/** A cone that cannot be is a mistake in the statement: with NULL it would find nothing, and nobody would know why. */
const CENTRE = `
CREATE MACRO __centre(dec0, radius) AS CASE
  WHEN abs(dec0) > 90 + 1e-9 AND isfinite(dec0::DOUBLE)
    THEN error('in_cone: the centre has a declination of ' || dec0 || ', which is beyond a pole')::DOUBLE
  WHEN radius < 0 THEN error('in_cone: a radius of ' || radius || ' cannot be')::DOUBLE
  ELSE dec0
END`

/** The band in declination lets a reader skip parts of a file by their minima and maxima. */
const IN_CONE = `
CREATE MACRO in_cone(ra1, dec1, ra0, dec0, radius) AS
  (dec1 BETWEEN __centre(dec0, radius) - radius - 1e-9 AND __centre(dec0, radius) + radius + 1e-9)
  AND CASE WHEN __is_dec(dec1) THEN __separation(ra1, dec1, ra0, dec0) <= radius END`

/** Sign, whole part, minutes, seconds. Minutes may have decimals where there are no seconds. */
const HMS = String.raw`^\s*([-+\x{2212}]?)\s*(\d{1,2})\s*(?:[:hH]|\s)\s*(\d{1,2}(?:\.\d*)?)\s*(?:[:mM'\x{2032}]|\s|$)\s*(\d{1,2}(?:\.\d*)?)?\s*[sS"\x{2033}]?\s*$`
const DMS = String.raw`^\s*([-+\x{2212}]?)\s*(\d{1,3})\s*(?:[:dD\x{b0}]|\s)\s*(\d{1,2}(?:\.\d*)?)\s*(?:[:mM'\x{2032}]|\s|$)\s*(\d{1,2}(?:\.\d*)?)?\s*[sS"\x{2033}]?\s*$`

const quoted = (pattern: string) => `'${pattern.replaceAll("'", "''")}'`

/**
 * Seconds of a text, or NULL where it is not of this form or beyond a full turn: a column of a catalogue has its gaps, and
 * TOPCAT leaves them blank, too. The sign counts for `-00:30`.
 */
const SECONDS = `
CREATE MACRO __sexagesimal(parts, turn) AS CASE
  WHEN parts.whole = '' OR try_cast(parts.minutes AS DOUBLE) >= 60 OR coalesce(try_cast(parts.seconds AS DOUBLE), 0) >= 60 THEN NULL
  WHEN parts.whole::DOUBLE * 3600 + parts.minutes::DOUBLE * 60 + coalesce(try_cast(parts.seconds AS DOUBLE), 0) > turn * 3600 THEN NULL
  ELSE (CASE WHEN parts.sign IN ('', '+') THEN 1 ELSE -1 END) * (
    parts.whole::DOUBLE * 3600 + parts.minutes::DOUBLE * 60 + coalesce(try_cast(parts.seconds AS DOUBLE), 0)
  )
END`

const toDegrees = (name: string, pattern: string, perDegree: number) => `
CREATE MACRO ${name}(t) AS
  __sexagesimal(regexp_extract(t::VARCHAR, ${quoted(pattern)}, ['sign', 'whole', 'minutes', 'seconds']), ${(perDegree * 360) / 3600}) / ${perDegree}`

/** A count of units of the last digit as `hh:mm:ss.sss`. */
const CLOCK = `
CREATE MACRO __clock(n, digits) AS
  printf('%02d:%02d:%02d', n // (3600 * __ten(digits)), n // (60 * __ten(digits)) % 60, n // __ten(digits) % 60) ||
  CASE WHEN digits > 0 THEN '.' || lpad((n % __ten(digits))::VARCHAR, digits::INTEGER, '0') ELSE '' END`

const TEN = 'CREATE MACRO __ten(digits) AS pow(10, greatest(0, least(digits, 9)))::BIGINT'

/** Rounded first and wrapped then: 359.99999999 is 00:00:00.00, never 24:00:00 or 23:59:60. */
const DEG_TO_HMS = `
CREATE MACRO deg_to_hms(deg, digits := 2) AS CASE WHEN isfinite(deg::DOUBLE) THEN
  __clock(round(((deg::DOUBLE % 360) + 360) % 360 * 240 * __ten(digits))::BIGINT % (86400 * __ten(digits)), greatest(0, least(digits, 9)))
END`

const DEG_TO_DMS = `
CREATE MACRO deg_to_dms(deg, digits := 1) AS CASE WHEN isfinite(deg::DOUBLE) AND abs(deg::DOUBLE) < 1e6 THEN
  (CASE WHEN round(deg::DOUBLE * 3600 * __ten(digits)) < 0 THEN '-' ELSE '+' END) ||
  __clock(round(abs(deg::DOUBLE) * 3600 * __ten(digits))::BIGINT, greatest(0, least(digits, 9)))
END`

export const MACROS: string[] = [
  IS_DEC,
  SEPARATION,
  CHECKED_SEPARATION,
  CENTRE,
  IN_CONE,
  SECONDS,
  toDegrees('hms_to_deg', HMS, 240),
  toDegrees('dms_to_deg', DMS, 3600),
  TEN,
  CLOCK,
  DEG_TO_HMS,
  DEG_TO_DMS,
]
