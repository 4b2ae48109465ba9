import type { TermOf } from '../facts.ts'
import { bytesText, secondsText } from '../words.ts'

/**
 * Data that would have to come to the island first. 0 where it holds all; infinite where something is held by nobody.
 * Until data are moved for work, only islands with 0 can be chosen; the others' figures tell what moving would take.
 */
export const missingBytes: TermOf = ({ missing }) => {
  const name = 'missing data'
  if (missing.length === 0) return { name, seconds: 0, reason: 'all data are there' }
  const seconds = missing.reduce(
    (sum, m) => sum + (m.bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : m.bytes / m.bytesPerSecond),
    0,
  )
  const parts = missing.map((m) =>
    m.from === undefined ? `nobody has ${m.id}` : `${bytesText(m.bytes)} of ${m.id} from ${m.from}`,
  )
  const time = Number.isFinite(seconds) ? `, about ${secondsText(seconds)}` : ''
  return { name, seconds, reason: `${parts.join(' and ')}${time}` }
}
