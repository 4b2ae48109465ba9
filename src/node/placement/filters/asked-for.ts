import type { Filter } from '../facts.ts'

export const askedFor: Filter = ({ other }) =>
  other === undefined ? undefined : { code: 'NO_HOLDER', reason: `another island was asked for: ${other}` }
