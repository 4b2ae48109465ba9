import type { LivyBatch, LivyLog, LivySession, LivyStatement } from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import type { Entry } from './entries.ts'

/** Takes out of what leaves the island what only it may know: how a session is called at Livy, and where data lie. */
export interface SiteScrubber {
  text(entry: Entry, text: string): string
  refusal(entry: Entry, refusal: LivyRefusal): LivyRefusal
  session(entry: Entry, session: LivySession): LivySession
  batch(entry: Entry, batch: LivyBatch): LivyBatch
  log(entry: Entry, log: LivyLog): LivyLog
  statement(entry: Entry, statement: LivyStatement): LivyStatement
}

/** An address, or an absolute path of at least two parts. */
const PLACE =
  /[a-z][a-z0-9+.-]*:\/\/[^\s'",;()[\]<>]+|(?<![\w.:/])(?:[a-z][a-z0-9+.-]*:)?(?:\/[^\s/:'",;()[\]<>]+){2,}\/?/gi

/** Places of data are taken out for work of other islands only: the owner may see where they are. */
export function siteScrubber(locate: (path: string) => string): SiteScrubber {
  const secrets = new WeakMap<Entry['datasets'], [string, string][]>()

  function places({ datasets }: Entry): [string, string][] {
    const known = secrets.get(datasets)
    if (known !== undefined) return known
    const found = datasets
      .flatMap(({ names, id, paths }) =>
        paths.flatMap((path): [string, string][] => {
          const name = names[0] ?? id
          const located = locate(path)
          // Hadoop writes one slash or three.
          const spelled = located.startsWith('file:/') ? [located, `file://${located.slice(5)}`] : [located]
          return [...spelled, path].map((place) => [place, name])
        }),
      )
      .sort(([a], [b]) => b.length - a.length)
    secrets.set(datasets, found)
    return found
  }

  function text(entry: Entry, given: string): string {
    let out = given.replaceAll(entry.name, String(entry.id ?? entry.asked.name ?? 'session'))
    if (entry.forwarded) for (const [place, name] of places(entry)) out = out.replaceAll(place, name)
    return out
  }

  /** Others get no stack of Java, and no folder but those that they named themselves. */
  function said(entry: Entry, given: string): string {
    const clean = text(entry, given)
    if (!entry.forwarded) return clean
    const asked = JSON.stringify(entry.asked)
    return clean
      .trimStart()
      .split(/[\r\n]/, 1)[0]!
      .replace(PLACE, (place) => (asked.includes(JSON.stringify(place).slice(1, -1)) ? place : '<path>'))
  }

  return {
    text,
    refusal(entry, { status, body }) {
      if (body === undefined) return new LivyRefusal(status)
      return new LivyRefusal(status, typeof body === 'string' ? said(entry, body) : { msg: said(entry, body.msg) })
    },
    session: (entry, session) => ({ ...session, log: session.log.map((line) => text(entry, line)) }),
    batch: (entry, batch) => ({ ...batch, log: batch.log.map((line) => text(entry, line)) }),
    log: (entry, log) => ({ ...log, log: log.log.map((line) => text(entry, line)) }),
    statement(entry, statement) {
      const { output } = statement
      if (!entry.forwarded || output?.status !== 'error') return statement
      const traceback = output.traceback.map((line) => text(entry, line))
      return { ...statement, output: { ...output, evalue: text(entry, output.evalue), traceback } }
    },
  }
}
