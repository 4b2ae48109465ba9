/** More words than this of a question are left out. */
const MAX_WORDS = 32

/**
 * A question in FTS5's language from anything a person types: every word quoted, all of them wanted, the last one as
 * a beginning unless a space follows it. Undefined when there is no word in it.
 */
export function matchOf(text: string): string | undefined {
  const words = text
    .normalize('NFC')
    .match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu)
    ?.filter((word) => /[\p{L}\p{N}\p{Co}]/u.test(word))
  if (words === undefined || words.length === 0) return undefined
  const quoted = words.slice(0, MAX_WORDS).map((word) => `"${word}"`)
  if (!/\s$/.test(text)) quoted[quoted.length - 1] += '*'
  return quoted.join(' ')
}
