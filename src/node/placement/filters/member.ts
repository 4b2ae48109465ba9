import type { Filter } from '../facts.ts'

export const member: Filter = (facts) =>
  facts.member ? undefined : { code: 'NOT_A_MEMBER', reason: 'is not a member of the archipelago' }
