/** What a token may do. */
import { z } from 'zod'

export const SCOPES = ['read', 'run', 'publish', 'admin'] as const
export const scope = z.enum(SCOPES)
export type Scope = z.infer<typeof scope>

/** `run` and `publish` imply `read`; `admin` implies all. */
export function allows(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.includes('admin') || scopes.includes(needed) || (needed === 'read' && scopes.length > 0)
}
