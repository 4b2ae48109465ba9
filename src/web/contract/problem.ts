/** Errors as RFC 9457 problem details, with archipel's code, hint and retryable beside the standard members. */
import { type ArchipelError, type ErrorCode, errorFromInfo } from '../../protocols/model/errors.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** The document; its schema is in `problem-schema.ts`, which clients do without. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  hint: string
  retryable: boolean
  details?: Record<string, unknown> | undefined
}

/** `DATASET_NOT_FOUND` -> `Dataset not found`. */
export function errorTitle(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return (words[0]!.toUpperCase() + words.slice(1)).replace(/\b(sql|id)\b/gi, (word) => word.toUpperCase())
}

export function toProblem(error: ArchipelError): Problem {
  const { code, message, hint, retryable, details } = error.toInfo()
  const { status } = error
  return {
    type: `urn:archipel:error:${code}`,
    title: errorTitle(code),
    status,
    detail: message,
    code,
    hint,
    retryable,
    ...(details === undefined ? {} : { details }),
  }
}

/** The error in a problem document; anything else is a fault of whoever answered. */
export function fromProblem(value: unknown): ArchipelError | undefined {
  if (typeof value !== 'object' || value === null || !('code' in value)) return undefined
  const { code, detail, hint, details } = value as Record<string, unknown>
  return errorFromInfo({ code, message: detail, hint, details })
}
