/** `--filter` of `datasets`: parsed for the island, and applied here to changes as they arrive. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetFilter, DatasetView } from '../../protocols/model/views.ts'
import { type ConeTest, coneTest } from '../../protocols/sky/cone.ts'
import { parseMoc } from '../../protocols/sky/moc.ts'
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

/** Of a coverage that another island wrote: what cannot be read is not met. */
function meetsCone(test: ConeTest, { body }: DatasetView): boolean {
  try {
    return test.meets(parseMoc(body.coverage?.spatial?.moc ?? ''))
  } catch {
    return false
  }
}

/** A test for changed datasets: those that the filter asks for. Text is matched word by word, without regard to case. */
export function matcher(filter: DatasetFilter): (view: DatasetView) => boolean {
  const cone = filter.cone && coneTest(filter.cone)
  const words = (filter.text ?? '').toLowerCase().split(/\s+/)
  const wanted = (filter.keyword ?? []).map((keyword) => keyword.toLowerCase())
  return (view) => {
    const { body, publisher, holders } = view
    const islands = [publisher.id, publisher.name, ...holders.flatMap((h) => [h.island, h.name])]
    if (filter.island !== undefined && !islands.includes(filter.island)) return false
    if (filter.format !== undefined && body.format !== filter.format) return false
    if (body.size < (filter.minSize ?? 0) || body.size > (filter.maxSize ?? Number.POSITIVE_INFINITY)) return false
    const keywords = body.keywords.map((keyword) => keyword.toLowerCase())
    if (!wanted.every((keyword) => keywords.includes(keyword))) return false
    if (cone !== undefined && !meetsCone(cone, view)) return false
    const names = [...body.creators, ...(body.columns ?? [])].map(({ name }) => name)
    const text = [view.id, body.name, body.title, body.description, ...body.keywords, ...names].join('\n').toLowerCase()
    return words.every((word) => text.includes(word))
  }
}
