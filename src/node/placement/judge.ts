import type { Exclusion, Facts, Filter, Term, TermOf } from './facts.ts'
import { askedFor } from './filters/asked-for.ts'
import { capacity } from './filters/capacity.ts'
import { data } from './filters/data.ts'
import { labels } from './filters/labels.ts'
import { language } from './filters/language.ts'
import { lost } from './filters/lost.ts'
import { member } from './filters/member.ts'
import { policy } from './filters/policy.ts'
import { refused } from './filters/refused.ts'
import { tried } from './filters/tried.ts'
import { missingBytes } from './terms/missing-bytes.ts'
import { queueWait } from './terms/queue-wait.ts'
import { resultBytes } from './terms/result-bytes.ts'
import { start } from './terms/start.ts'

/** The first one that applies is the reason. */
const FILTERS: Filter[] = [member, askedFor, tried, refused, data, lost, language, labels, capacity, policy]
const TERMS: TermOf[] = [queueWait, start, missingBytes, resultBytes]

export interface Verdict {
  facts: Facts
  /** Set: it cannot run the task, and there are no terms. */
  exclusion?: Exclusion
  terms: Term[]
  /** Sum of the terms. */
  seconds: number
}

/** What an island would cost, or why it cannot be chosen. */
export function judge(facts: Facts): Verdict {
  const exclusion = excluded(facts, FILTERS)
  if (exclusion !== undefined) return { facts, exclusion, terms: [], seconds: Number.POSITIVE_INFINITY }
  const terms = TERMS.map((term) => term(facts))
  return { facts, terms, seconds: terms.reduce((sum, term) => sum + term.seconds, 0) }
}

/** Whether nothing but data are missing. */
export function lacksDataOnly(facts: Facts): boolean {
  return (
    facts.missing.length > 0 &&
    excluded(
      facts,
      FILTERS.filter((f) => f !== data),
    ) === undefined
  )
}

/** Cheapest first; of two equal ones this island, then the lower id. */
export function byCost(a: Verdict, b: Verdict): number {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1
  if (a.facts.self !== b.facts.self) return a.facts.self ? -1 : 1
  return a.facts.island < b.facts.island ? -1 : a.facts.island > b.facts.island ? 1 : 0
}

function excluded(facts: Facts, filters: Filter[]): Exclusion | undefined {
  for (const filter of filters) {
    const exclusion = filter(facts)
    if (exclusion !== undefined) return exclusion
  }
  return undefined
}
