import type { Filter } from '../facts.ts'

export const language: Filter = ({ languages, kind, wantedEngine }) => {
  const spark = wantedEngine === 'livy'
  // Islands without Spark may be of a version that would take the work for something else: only a card that is known counts.
  if (languages === undefined)
    return spark
      ? { code: 'LANGUAGE_MISSING', reason: `cannot be asked for ${kind} on Spark: its card is not known here yet` }
      : undefined
  if (languages.includes(kind)) return undefined
  if (languages.length === 0)
    return { code: 'LANGUAGE_MISSING', reason: `cannot run ${kind}: has no ${spark ? 'Spark' : 'engine'}` }
  const where = spark ? ' on Spark' : ''
  return { code: 'LANGUAGE_MISSING', reason: `cannot run ${kind}${where}: runs ${languages.join(', ')} only` }
}
