/** Where a part of Livy's log begins. */
const MARKER = /^\n?(stdout|stderr|YARN Diagnostics|Kubernetes Diagnostics): ?$/
const SHORT = /^\.\.\. lines are missing here/

export interface LineFollower {
  /** Livy's log, all of it: the last 200 lines of each stream. */
  take(log: string[]): void
  /** The last lines of all. */
  tail(lines: number): string
}

/**
 * Makes a log that only grows of one that slides: what is new of each stream is told, and a gap is said. `printed` is the end
 * of what was told by an earlier one: lines that stand there in this order are not told again.
 */
export function lineFollower(onText: (text: string) => void, printed = ''): LineFollower {
  const last = new Map<string, string[]>()
  const told = printed === '' ? [] : printed.replace(/\n$/, '').split('\n')
  let recent = told.slice(-200)

  function streams(log: string[]): Map<string, string[]> {
    const found = new Map<string, string[]>()
    let current: string[] = []
    found.set('', current)
    for (const line of log) {
      const marker = MARKER.exec(line)?.[1]
      if (marker === undefined) {
        current.push(line)
        continue
      }
      current = []
      found.set(marker, current)
    }
    return found
  }

  return {
    take(log) {
      for (const [stream, lines] of streams(log)) {
        const before = last.get(stream) ?? []
        const overlap = last.has(stream) ? overlapOf(before, lines) : toldOf(told, lines)
        const fresh = lines.slice(overlap)
        last.set(stream, lines)
        if (fresh.length === 0) continue
        if (overlap === 0 && before.length > 0) fresh.unshift('... lines are missing here: Livy keeps the last 200')
        recent = [...recent, ...fresh.filter((line) => !SHORT.test(line))].slice(-200)
        onText(`${fresh.join('\n')}\n`)
      }
    },
    tail: (lines) => recent.slice(-lines).join('\n'),
  }
}

/** How many of the first lines stand in what was told, in their order, with those of other streams between them. */
function toldOf(told: string[], lines: string[]): number {
  let at = 0
  for (const [i, line] of lines.entries()) {
    at = told.indexOf(line, at) + 1
    if (at === 0) return i
  }
  return lines.length
}

/** How many of the first of `after` are the last of `before`. */
function overlapOf(before: string[], after: string[]): number {
  for (let length = Math.min(before.length, after.length); length > 0; length--) {
    const from = before.length - length
    if (after.slice(0, length).every((line, i) => line === before[from + i])) return length
  }
  return 0
}
