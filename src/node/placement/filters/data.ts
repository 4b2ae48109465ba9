import type { Filter } from '../facts.ts'

/** A question over several datasets goes to an island that has them all. */
export const data: Filter = ({ missing }) => {
  if (missing.length === 0) return undefined
  const why = missing.find((m) => m.why !== undefined)?.why
  const ids = missing.map((m) => m.id).join(', ')
  return {
    code: missing.every((m) => m.stale) ? 'STALE' : 'DATASET_NOT_FOUND',
    reason: `does not hold ${ids}${why === undefined ? '' : ` (${why})`}`,
  }
}
