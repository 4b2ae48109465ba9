/** Where a part of Livy's log begins. */
const MARKER = /^\n?(stdout|stderr|YARN Diagnostics|Kubernetes Diagnostics): ?$/
const SHORT = /^\.\.\. lines are missing here/

export interface LineFollower {
  /** Livy's log, all of it: the last 200 lines of each stream. */
  take(log: string[]): void
  /** The last lines of all. */
  tail(lines: number): string
}

/** Makes a log that only grows of one that slides: what is new of each stream is told, and a gap is said. */
export function lineFollower(onText: (text: string) => void): LineFollower {
  const last = new Map<string, string[]>()
  let recent: string[] = []

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
        const overlap = overlapOf(before, lines)
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

/** How many of the first of `after` are the last of `before`. */
function overlapOf(before: string[], after: string[]): number {
  for (let length = Math.min(before.length, after.length); length > 0; length--) {
    const from = before.length - length
    if (after.slice(0, length).every((line, i) => line === before[from + i])) return length
  }
  return 0
}
