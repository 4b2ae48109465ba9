/** Parts that many views have. */
import { z } from 'zod'
import { ERRORS, type ErrorCode } from './errors.ts'

/** An island, by id and name. */
export const named = z.object({ id: z.string(), name: z.string() })

/** Why something waits or failed, for people. */
export const problemView = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
})

/** The same with a code that is known here: as it is kept, and comes from others. Another version's code is `INTERNAL`. */
export const knownProblem = problemView.extend({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]).catch('INTERNAL'),
})
