import { hash } from 'node:crypto'

/** Strong: equal texts have equal tags, others do not. */
export function etagOf(text: string): string {
  return `"${hash('sha256', text, 'base64url')}"`
}

/** Whether the condition of `If-None-Match` (RFC 9110, 13.1.2) names this tag; compared weakly, as the RFC says. */
export function isKnown(etag: string, condition: string | undefined): boolean {
  if (condition === undefined) return false
  if (condition.trim() === '*') return true
  return condition.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
