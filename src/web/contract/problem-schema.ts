import { z } from 'zod'
import type { Problem } from './problem.ts'

/** An error as the web service answers it, for OpenAPI. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()).optional(),
}) satisfies z.ZodType<Problem>
