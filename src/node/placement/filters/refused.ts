import type { Filter } from '../facts.ts'

/** The island itself was asked, and did not say yes. */
export const refused: Filter = ({ refusal }) => refusal
