import type { Filter } from '../facts.ts'

export const lost: Filter = ({ liveness, heard, self }) =>
  liveness === 'lost' && !heard && !self
    ? { code: 'UNREACHABLE', reason: 'is lost: no sign of life for a while' }
    : undefined
