import type { TermOf } from '../facts.ts'
import { bytesText } from '../words.ts'

/** The result on its way back, judged by the size of earlier ones. */
export const resultBytes: TermOf = ({ self, result, link }) => {
  const name = 'result'
  if (self) return { name, seconds: 0, reason: 'stays here' }
  if (result.bytes === 0) return { name, seconds: 0, reason: result.basis }
  const measured = link.measured.throughput ? '' : ' (not measured yet: as to other islands)'
  return {
    name,
    seconds: result.bytes / link.bytesPerSecond,
    reason: `${bytesText(result.bytes)} at ${bytesText(link.bytesPerSecond)}/s${measured}, ${result.basis}`,
  }
}
