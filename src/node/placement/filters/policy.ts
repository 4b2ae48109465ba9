import type { Filter } from '../facts.ts'

export const policy: Filter = ({ forbidden }) =>
  forbidden === undefined ? undefined : { code: 'FORBIDDEN', reason: forbidden }
