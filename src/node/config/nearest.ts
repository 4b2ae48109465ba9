/** Edits (insertions, deletions, changes, swaps of neighbours) between two texts; stops caring beyond `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1)
      next.push(best)
    }
    before = row
    row = next
  }
  return row[b.length]!
}

/** The known word that was probably meant, or undefined when none is near: at most a third of its letters differ. */
export function nearest(text: string, known: Iterable<string>): string | undefined {
  let best: { word: string; edits: number } | undefined
  for (const word of known) {
    const limit = Math.max(1, Math.floor(word.length / 3))
    const edits = distance(text.toLowerCase(), word.toLowerCase(), limit)
    if (edits <= limit && (best === undefined || edits < best.edits)) best = { word, edits }
  }
  return best?.word
}

/** ` Did you mean "x"?` or nothing. */
export function didYouMean(text: string, known: Iterable<string>): string {
  const word = nearest(text, known)
  return word === undefined ? '' : `; did you mean "${word}"?`
}
