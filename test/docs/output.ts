/** Whether a command printed what a page shows, apart from what differs each time. */

/** Ids, keys, instants, durations, ports, places and the languages of the machine become the same words everywhere. */
export function normalise(text: string, home: string): string[] {
  return text
    .replaceAll(home, '/home/you')
    .replace(/\b(isl|arc)[a-z2-7]{32}\b/g, '$1-ID')
    .replace(/\bisl[a-z2-7]{9}\b/g, 'isl-ID')
    .replace(/\bisl[a-z2-7]+…/g, 'isl…')
    .replace(/\b(task-isl-ID-)?[a-z0-9]{22}\b/g, 'TASK')
    .replace(/archipel-recovery-[0-9a-f-]+/g, 'RECOVERY-KEY')
    .replace(/\bTicket \w+,/g, 'Ticket ID,')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\b\d+(\.\d+)? (ms|s|min|h)\b/g, 'DURATION')
    .replace(/(\/tcp\/|127\.0\.0\.1:|web\.port +)\d+/g, '$1PORT')
    .replace(/\b\d+ (record|island)s? (withdrawn|told)/g, 'N $2')
    .replaceAll(', sandboxed', '')
    .replace(/\bembedded \([^)]*\)/g, 'embedded')
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
}

/**
 * The first line of `shown` that `printed` lacks; undefined when all are there, in this order. Between them more may
 * have been printed. `...` and `…` in a line stand for anything.
 */
export function firstMissing(shown: string[], printed: string[]): string | undefined {
  let at = 0
  for (const line of shown) {
    if (line === '...') continue
    const pattern = new RegExp(
      `^${line
        .split(/\.\.\.|…/)
        .map(escaped)
        .join('.*')}$`,
    )
    while (at < printed.length && !pattern.test(printed[at]!)) at++
    if (at === printed.length) return line
    at++
  }
  return undefined
}

function escaped(text: string): string {
  return text
    .trim()
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/ /g, '\\s')
}
