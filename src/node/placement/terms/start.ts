import type { TermOf } from '../facts.ts'
import { bytesText, plural, secondsText } from '../words.ts'

/** Exchanges with the island until the outcome is there: handing over, and the end. */
export const ROUND_TRIPS = 2

/** From here to the first line that runs: the way there with the code, and the start of the engine as measured. */
export const start: TermOf = ({ self, link, engine, codeBytes }) => {
  const begin = (engine?.startMs ?? 0) / 1000
  const asHere = engine?.measured === 'here' && !self ? ' as here' : ''
  const engineText = engine === undefined ? '' : `the engine starts in ${secondsText(begin)}${asHere}`
  if (self) return { name: 'start', seconds: begin, reason: ['here', engineText].filter((t) => t !== '').join(', ') }
  const way = (ROUND_TRIPS * link.rttMs) / 1000
  const code = codeBytes / link.bytesPerSecond
  const rtt = `${plural(ROUND_TRIPS, 'round trip')} of ${secondsText(link.rttMs / 1000)}`
  const parts = [
    link.measured.rtt ? rtt : `${rtt} (not measured yet: as to other islands)`,
    // Code is small: it is worth a word where it takes as long as the way itself.
    code > way ? `${bytesText(codeBytes)} of code in ${secondsText(code)}` : '',
    engineText,
  ]
  return { name: 'start', seconds: way + code + begin, reason: parts.filter((t) => t !== '').join(', ') }
}
