import { ArchipelError, type ErrorCode } from '../../protocols/model/errors.ts'
import { wantedEngine } from '../../protocols/model/spark.ts'
import type { PlacementEntry } from '../../protocols/model/task.ts'
import { lacksDataOnly, type Verdict } from './judge.ts'
import type { PlacementRequest } from './port.ts'
import { missingBytes } from './terms/missing-bytes.ts'

/** What every holder says alike is what the asker is told; where they differ, that nobody can run it now. */
const ALIKE = new Set<ErrorCode>([
  'FORBIDDEN',
  'LANGUAGE_MISSING',
  'STALE',
  'NO_SANDBOX',
  'MEMORY_LIMIT',
  'ENGINE_DOWN',
  'TOO_MANY',
  'SQL_INVALID',
])
type Codes = Set<ErrorCode | undefined>

/** Islands named in a message. */
const MAX_NAMED = 6

/** The error of a placement that found nobody. */
export function nobody(request: PlacementRequest, verdicts: Verdict[], explain: PlacementEntry[]): ArchipelError {
  const wanted = verdicts.filter((v) => request.on === undefined || v.facts.island === request.on)
  const whole = wanted.filter((v) => v.facts.missing.length === 0)
  const details = { explain }
  const codes = new Set(whole.map((v) => v.exclusion?.code))
  // Who is full will have room again: that is the word for all, whatever keeps the others from it.
  const code = codes.has('TOO_MANY') ? 'TOO_MANY' : [...codes][0]
  if (code !== undefined && (codes.size === 1 || code === 'TOO_MANY') && ALIKE.has(code))
    return new ArchipelError(code, `${opening(code, request)}: ${named(whole)}`, {
      details,
      ...(hintOn(request) ?? hintWithoutData(request, new Set([code]))),
    })
  const stale = request.datasets.find((d) => d.holders.length > 0 && d.holders.every((h) => h.state === 'stale'))
  if (stale !== undefined && whole.length === 0)
    return new ArchipelError('STALE', `the source files of ${stale.id} changed after publishing`, { details })

  // Who has nothing of it is no news, unless it was asked for.
  const relevant = wanted.filter(
    (v) =>
      v.facts.holds.length > 0 ||
      heldOtherwise(v, request) ||
      request.on !== undefined ||
      request.datasets.length === 0 ||
      // Where few have Spark, who has it is worth a word.
      (v.facts.wantedEngine === 'livy' && v.facts.languages?.includes(request.kind)),
  )
  const text = relevant.length === 0 ? 'nobody is known to hold the data' : named(relevant)
  const needed = whole.length === 0 ? nearest(wanted) : undefined
  const move =
    needed === undefined ? '' : `. To run it at ${needed.name}, data would have to be moved: ${needed.reason}`
  return new ArchipelError('NO_HOLDER', `no island can run this now: ${text}${move}`, {
    details: needed === undefined ? details : { ...details, needed },
    ...(hintOn(request) ?? hintWithoutData(request, codes) ?? hintTogether(request)),
  })
}

function opening(code: ErrorCode, request: PlacementRequest): string {
  if (request.on !== undefined) return 'the island that was asked for cannot run this'
  const who = request.datasets.length === 0 ? 'no island' : 'no island that holds the data'
  if (code === 'FORBIDDEN') return `${who} allows it`
  if (code === 'LANGUAGE_MISSING')
    return `${who} runs ${request.kind}${wantedEngine(request) === 'livy' ? ' on Spark' : ''}`
  if (code === 'STALE') return 'the source files changed after publishing'
  return `${who} takes it now`
}

function named(verdicts: Verdict[]): string {
  const lines = verdicts.slice(0, MAX_NAMED).map((v) => `${v.facts.name}: ${v.exclusion?.reason ?? 'did not confirm'}`)
  const more = verdicts.length - lines.length
  return `${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

const heldOtherwise = (verdict: Verdict, request: PlacementRequest) =>
  request.datasets.some((d) => d.holders.some((h) => h.island === verdict.facts.island))

/** The island to which the rest of the data would come soonest, and what that is. */
function nearest(wanted: Verdict[]) {
  const options = wanted
    .filter((v) => lacksDataOnly(v.facts))
    .map(({ facts }) => ({ facts, term: missingBytes(facts) }))
    .filter(({ term }) => Number.isFinite(term.seconds))
  options.sort((a, b) => a.term.seconds - b.term.seconds || (a.facts.island < b.facts.island ? -1 : 1))
  const [best] = options
  if (best === undefined) return undefined
  return {
    island: best.facts.island,
    name: best.facts.name,
    seconds: best.term.seconds,
    reason: best.term.reason,
    datasets: best.facts.missing.map((m) => ({ id: m.id, bytes: m.bytes, from: m.from })),
  }
}

function hintOn({ on }: PlacementRequest): { hint: string } | undefined {
  if (on === undefined) return undefined
  return { hint: 'The island that was asked for cannot run it; leave out --on to let any holder.' }
}

/** The hints of the codes speak of data, which this work has none of. */
function hintWithoutData({ datasets }: PlacementRequest, codes: Codes): { hint: string } | undefined {
  if (datasets.length > 0) return undefined
  if (codes.has('FORBIDDEN'))
    return {
      hint: 'Ask the operator of an island that refuses it to allow it in its policy; --explain shows each of them.',
    }
  if (codes.has('LANGUAGE_MISSING'))
    return { hint: 'No island that can be reached runs this; `archipel islands` shows who runs what.' }
  return codes.size === 1 && !codes.has(undefined)
    ? undefined
    : { hint: 'Try again later; --explain shows what keeps each island from it.' }
}

function hintTogether({ datasets }: PlacementRequest): { hint: string } | undefined {
  if (datasets.length < 2) return undefined
  return { hint: 'Work runs where all its datasets are: ask for each by itself, or bring them to one island.' }
}
