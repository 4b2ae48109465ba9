/** An address of one file of one version that is good for a while, for tools that can send no header. */
import { z } from 'zod'
import { MAX_PATH_BYTES } from '../manifest/paths.ts'

const HOUR_MS = 3_600_000
/** Milliseconds that an address is good for. */
export const FILE_URL_MS = { min: 1000, standard: HOUR_MS, max: 7 * 24 * HOUR_MS }

export const fileUrlRequest = z.strictObject({
  path: z.string().min(1).max(MAX_PATH_BYTES).describe('The path of a file in the dataset.'),
  version: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/i)
    .optional()
    .describe('Its beginning, at least 8 digits; the newest when absent.'),
  expiresMs: z.number().int().min(FILE_URL_MS.min).max(FILE_URL_MS.max).optional().describe('An hour by default.'),
})
export type FileUrlRequest = z.infer<typeof fileUrlRequest>

export const fileUrl = z.object({
  dataset: z.string(),
  version: z.string(),
  path: z.string(),
  bytes: z.number(),
  /** When it ends: never after the token that it was made with. */
  expires: z.string(),
  /** At this island, relative to its address; whole from the client library. It is a secret. */
  url: z.string(),
})
export type FileUrl = z.infer<typeof fileUrl>
