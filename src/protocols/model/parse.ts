import { z } from 'zod'

/**
 * As `schema.safeParse`, for what strangers sent: it never throws. (zod runs a check of length on whatever has a
 * `length`, an object with a hostile one included, and comparing that may throw.)
 */
export function parseUntrusted<T extends z.ZodType>(schema: T, value: unknown): z.ZodSafeParseResult<z.output<T>> {
  try {
    return schema.safeParse(value)
  } catch {
    return {
      success: false,
      error: new z.ZodError([{ code: 'custom', path: [], message: 'malformed', input: undefined }]) as never,
    }
  }
}
