import type { Filter } from '../facts.ts'

export const language: Filter = ({ languages, kind }) => {
  if (languages === undefined || languages.includes(kind)) return undefined
  const runs = languages.length === 0 ? 'has no engine' : `runs ${languages.join(', ')} only`
  return { code: 'LANGUAGE_MISSING', reason: `cannot run ${kind}: ${runs}` }
}
