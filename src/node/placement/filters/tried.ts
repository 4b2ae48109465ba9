import type { Filter } from '../facts.ts'

export const tried: Filter = ({ tried: outcome }) => {
  if (outcome === undefined) return undefined
  return { code: 'NO_HOLDER', reason: outcome.startsWith('was tried') ? outcome : `was tried: ${outcome}` }
}
