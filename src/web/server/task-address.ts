import { ArchipelError } from '../../protocols/model/errors.ts'

/** A media range of `Accept` (RFC 9110, 12.5.1) with its weight, 0 to 1. */
function ranges(accept: string): { type: string; weight: number }[] {
  return accept.split(',').flatMap((part) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const q = parameters.find((text) => text.startsWith('q='))
    const weight = q === undefined ? 1 : Number(q.slice(2))
    return /^[^/\s]+\/[^/\s]+$/.test(type) && weight >= 0 && weight <= 1 ? [{ type, weight }] : []
  })
}

/** The weight of the most exact range that covers the type; 0 when none does. */
function weightOf(type: string, accept: { type: string; weight: number }[]): number {
  const [group] = type.split('/')
  for (const range of [type, `${group}/*`, '*/*']) {
    const found = accept.find((each) => each.type === range)
    if (found !== undefined) return found.weight
  }
  return 0
}

/**
 * What `/tasks/{id}` answers with: the page to who prefers HTML, as browsers do, the task itself to everybody else.
 * @throws NOT_ACCEPTABLE when neither will do
 */
export function wantsPage(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return false
  const given = ranges(accept)
  const html = weightOf('text/html', given)
  const json = weightOf('application/json', given)
  if (html === 0 && json === 0)
    throw new ArchipelError('NOT_ACCEPTABLE', 'a task is application/json, or text/html for people')
  // With equal weight it is who names HTML that is a browser.
  return html > json || (html === json && given.some(({ type }) => type === 'text/html'))
}
