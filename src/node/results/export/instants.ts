import type { TimeUnit } from '../../../protocols/model/column-type.ts'

/** Units in a second. */
const PER_SECOND: Record<TimeUnit, bigint> = { s: 1n, ms: 1000n, us: 1_000_000n, ns: 1_000_000_000n }
const DIGITS: Record<TimeUnit, number> = { s: 0, ms: 3, us: 6, ns: 9 }
const INT64_MAX = 2n ** 63n - 1n
const INT32_MAX = 2 ** 31 - 1

const DATE = /^([+-]?\d{4,7})-(\d\d)-(\d\d)( \(BC\))?$/
const TIMESTAMP =
  /^([+-]?\d{4,7})-(\d\d)-(\d\d)( \(BC\))?[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/

/** Days since 1970-01-01; infinities as DuckDB writes them to Parquet: the ends of the type. */
export function parseDate(text: string): number | undefined {
  if (text === 'infinity') return INT32_MAX
  if (text === '-infinity') return -INT32_MAX
  const m = DATE.exec(text)
  return m === null ? undefined : daysOf(m[1]!, m[2]!, m[3]!, m[4])
}

export function parseTime(text: string, unit: 'us' | 'ns'): bigint | undefined {
  const m = TIME.exec(text)
  if (m === null) return undefined
  const seconds = Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3])
  return BigInt(seconds) * PER_SECOND[unit] + fractionOf(m[4], unit)
}

/** Units since 1970-01-01T00:00:00 (UTC where the text has an offset). */
export function parseTimestamp(text: string, unit: TimeUnit): bigint | undefined {
  if (text === 'infinity') return INT64_MAX
  if (text === '-infinity') return -INT64_MAX
  const m = TIMESTAMP.exec(text)
  if (m === null) return undefined
  const days = daysOf(m[1]!, m[2]!, m[3]!, m[4])
  if (days === undefined) return undefined
  const offset = m[9] === undefined ? 0 : (m[9] === '-' ? -1 : 1) * (Number(m[10]) * 3600 + Number(m[11] ?? 0) * 60)
  const seconds = days * 86_400 + Number(m[5]) * 3600 + Number(m[6]) * 60 + Number(m[7]) - offset
  const value = BigInt(seconds) * PER_SECOND[unit] + fractionOf(m[8], unit)
  return value > INT64_MAX || value < -INT64_MAX ? undefined : value
}

function fractionOf(digits: string | undefined, unit: TimeUnit): bigint {
  const wanted = DIGITS[unit]
  return digits === undefined || wanted === 0 ? 0n : BigInt(digits.slice(0, wanted).padEnd(wanted, '0'))
}

/** Proleptic Gregorian, any year (H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil). */
function daysOf(yearText: string, monthText: string, dayText: string, bc: string | undefined): number | undefined {
  const [written, month, day] = [Number(yearText), Number(monthText), Number(dayText)]
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined
  const civil = bc === undefined ? written : 1 - written
  const year = month <= 2 ? civil - 1 : civil
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
