/** `--filter` of `datasets`, and the conditions of other commands that choose datasets. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetFilter } from '../../protocols/model/views.ts'
import { didYouMean } from '../config/nearest.ts'
import { parseBytes } from '../config/units.ts'

/** As the service has them; `size` with `>=`, `<=` or `=` is short for the two before. */
const KEYS = ['keyword', 'island', 'format', 'minSize', 'maxSize', 'size', 'cone']

function bad(text: string, why: string): ArchipelError {
  return new ArchipelError('BAD_INPUT', `--filter ${JSON.stringify(text)}: ${why}`, {
    hint: 'Conditions are keyword=stars, island=garching, format=csv, minSize=1MB, maxSize=2GB, cone=83.8,-5.4,1 (degrees).',
  })
}

function parseCone(text: string, value: string): NonNullable<DatasetFilter['cone']> {
  const parts = value.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  const [ra, dec, radius] = parts as [number, number, number]
  const ok = parts.length === 3 && ra >= 0 && ra <= 360 && Math.abs(dec) <= 90 && radius > 0 && radius <= 180
  if (!ok) throw bad(text, 'a cone is ra,dec,radius in degrees')
  return { ra, dec, radius }
}

/** @throws BAD_INPUT */
export function parseFilter(words: string[], conditions: string[]): DatasetFilter {
  const filter: DatasetFilter = {}
  const text = words.join(' ').trim()
  if (text !== '') filter.text = text
  for (const condition of conditions) {
    const [, key = '', operator = '', value = ''] = /^\s*([A-Za-z]+)\s*(>=|<=|=)\s*(.*?)\s*$/.exec(condition) ?? []
    if (operator === '' || value === '') throw bad(condition, 'a condition is key=value')
    if (!KEYS.includes(key)) throw bad(condition, `there is no key ${key}${didYouMean(key, KEYS)}`)
    if (operator !== '=' && key !== 'size') throw bad(condition, `${key} takes = only`)
    if (key === 'keyword') filter.keyword = [...(filter.keyword ?? []), value]
    else if (key === 'minSize' || key === 'maxSize') filter[key] = parseBytes(value)
    else if (key === 'size') {
      if (operator !== '<=') filter.minSize = parseBytes(value)
      if (operator !== '>=') filter.maxSize = parseBytes(value)
    } else if (key === 'cone') filter.cone = parseCone(condition, value)
    else filter[key as 'island' | 'format'] = value
  }
  return filter
}
