/** Conditions on datasets that a rule or a subscription keeps. */
import { z } from 'zod'

/** The filter of the search of datasets without its pages. Sizes in bytes, the cone in degrees (ICRS). */
export const datasetSelection = z.object({
  text: z.string().min(1).max(1000).optional(),
  keyword: z.array(z.string().min(1).max(100)).max(20).optional(),
  island: z.string().min(1).max(100).optional(),
  format: z.string().min(1).max(32).optional(),
  minSize: z.number().int().nonnegative().optional(),
  maxSize: z.number().int().nonnegative().optional(),
  cone: z
    .object({
      ra: z.number().min(0).max(360),
      dec: z.number().min(-90).max(90),
      radius: z.number().gt(0).max(180),
    })
    .optional(),
})

/** As it is asked for: a condition that is not known is refused. */
export const givenSelection = z.strictObject(datasetSelection.shape)
