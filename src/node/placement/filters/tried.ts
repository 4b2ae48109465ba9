import type { Filter } from '../facts.ts'

export const tried: Filter = (facts) =>
  facts.tried === undefined ? undefined : { code: 'NO_HOLDER', reason: `was tried: ${facts.tried}` }
