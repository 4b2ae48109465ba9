import type { PlacementEntry } from '../../protocols/model/task.ts'
import { byCost, type Verdict } from './judge.ts'
import type { Asked } from './rounds.ts'
import { secondsText } from './words.ts'

/** One entry for every island: the chosen one, then the cheapest first, those that cannot run it last. */
export function explain(verdicts: Verdict[], chosen: Verdict | undefined, asked: Map<string, Asked>): PlacementEntry[] {
  const able = verdicts.filter((v) => v.exclusion === undefined && v !== chosen).sort(byCost)
  const unable = verdicts.filter((v) => v.exclusion !== undefined).sort(byRelevance)
  const entry = (verdict: Verdict): PlacementEntry => {
    const { facts, exclusion } = verdict
    const shared = {
      island: facts.island,
      name: facts.name,
      chosen: verdict === chosen,
      holds: facts.holds,
      confirmed: asked.get(facts.island) === 'accepted',
    }
    if (exclusion !== undefined) return { ...shared, reason: exclusion.reason, excluded: true }
    const { seconds, terms } = verdict
    return { ...shared, reason: reasonOf(verdict, chosen, asked.get(facts.island)), seconds, terms }
  }
  return [...(chosen === undefined ? [] : [chosen]), ...able, ...unable].map(entry)
}

function reasonOf(verdict: Verdict, chosen: Verdict | undefined, asked: Asked | undefined): string {
  const { facts, seconds } = verdict
  const data = facts.holds.length === 0 ? 'the work needs no data' : 'holds the data'
  const where = facts.self
    ? ', and is here'
    : facts.link.measured.rtt
      ? `, ${secondsText(facts.link.rttMs / 1000)} away`
      : ''
  const what = `${data}${where}`
  if (chosen === undefined || verdict === chosen) return what
  if (typeof asked === 'object') return `${what}; had not answered after ${secondsText(asked.silentMs / 1000)}`
  const more = seconds - chosen.seconds
  const dearer = more > 0 ? `; ${secondsText(more)} more than ${chosen.facts.name}` : ''
  return asked === undefined ? `${what}${dearer}, not asked` : `${what}${dearer}`
}

/** What holds something, or was asked for, comes before what was never thought of. */
function byRelevance(a: Verdict, b: Verdict): number {
  const rank = (v: Verdict) => v.facts.holds.length * 2 + (v.facts.refusal === undefined ? 0 : 1)
  return rank(b) - rank(a) || (a.facts.island < b.facts.island ? -1 : 1)
}
