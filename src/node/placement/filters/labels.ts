import type { Filter } from '../facts.ts'

export const labels: Filter = ({ labels: has, wantedLabels }) => {
  const lacks = wantedLabels.filter((label) => !has.includes(label))
  return lacks.length === 0 ? undefined : { code: 'NO_HOLDER', reason: `lacks the label ${lacks.join(', ')}` }
}
