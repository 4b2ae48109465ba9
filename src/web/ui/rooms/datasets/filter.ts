/** The search as it stands in the address: it survives a reload and can be sent to somebody. */
import type { DatasetFilter } from '../../../../protocols/model/views.ts'

export const FORMATS = ['csv', 'parquet', 'jsonl', 'fits', 'files']
/** Fields of the form, named as the filters of the command line. */
export const FIELDS = ['text', 'keyword', 'island', 'format', 'cone', 'minSize'] as const
export type Field = (typeof FIELDS)[number]
export type Fields = Partial<Record<Field, string>>

const MB = 1_000_000

/** `ra,dec,radius` in degrees; separated by commas or spaces. A radius of 180 is all of the sky, as is a larger one. */
export function readCone(text: string): DatasetFilter['cone'] | undefined {
  const [ra, dec, radius, more] = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number)
  if (more !== undefined || ra === undefined || dec === undefined || radius === undefined) return undefined
  const valid = ra >= 0 && ra <= 360 && dec >= -90 && dec <= 90 && radius > 0
  return valid ? { ra, dec, radius: Math.min(radius, 180) } : undefined
}

export function readFields(query: URLSearchParams): Fields {
  const fields: Fields = {}
  for (const name of FIELDS) {
    const value = query.get(name)
    if (value !== null && value !== '') fields[name] = value
  }
  return fields
}

export function addressOf(fields: Fields): string {
  const query = new URLSearchParams()
  for (const name of FIELDS) if (fields[name]) query.set(name, fields[name])
  return query.size === 0 ? '/datasets' : `/datasets?${query}`
}

/** What is not finished yet (half a cone) does not filter; of such a cone the page shows no list. */
export function filterOf({ text, keyword, island, format, cone, minSize }: Fields): DatasetFilter {
  const least = Number(minSize)
  return {
    text: text?.trim() || undefined,
    keyword: keyword?.trim()
      ? keyword
          .trim()
          .split(/\s*,\s*/)
          .filter(Boolean)
      : undefined,
    island,
    format,
    cone: cone === undefined ? undefined : readCone(cone),
    minSize: least > 0 ? Math.round(least * MB) : undefined,
  }
}
