/**
 * Who brings a copy, without anybody who coordinates: every island computes the same from what all know. Pure; the daemon and
 * the simulation run this same code.
 */
import { createHash } from 'node:crypto'
import type { RuleSpread } from '../model/rule.ts'
import { meetsSites, type SiteExpression, type SiteFacts } from './sites.ts'

/** A rule that selects the dataset in question. */
export interface DecidedRule {
  /** Names it among the rules of all islands. */
  key: string
  /** Island that made it. */
  origin: string
  copies: number
  sites: SiteExpression | undefined
  spread: RuleSpread | undefined
}

export interface DecidedIsland {
  id: string
  facts: SiteFacts
  /** Whether it says that it obeys the rules of this island. */
  obeys(origin: string): boolean
  /** Lost for so long that its copies count no more. */
  gone: boolean
  /** Silent now: what it only promised to bring does not count. */
  silent: boolean
}

/** What an island says of the version: it has it whole, is bringing it, or has something that makes it the first choice. */
export type CopyState = 'held' | 'coming' | 'part'

export interface Decision {
  rule: DecidedRule
  /** Islands whose whole copy counts; with `spread`, one of each place. */
  held: string[]
  /** Islands that are to have one by what they claimed, or by the decision of another rule about the same dataset. */
  coming: string[]
  /** Copies that are missing beside those. */
  missing: number
  /** Who may bring them, best first. */
  candidates: string[]
  /** Whose turn it is in this window. */
  turn: string[]
}

/** Why an island gets no copy by this rule, in words; undefined where it may. */
export function exclusion(rule: DecidedRule, island: DecidedIsland): string | undefined {
  const placed = misplaced(rule, island)
  if (placed !== undefined) return placed
  if (island.id !== rule.origin && !island.obeys(rule.origin))
    return 'it does not take rules of the island that made this one'
  return undefined
}

/** Why even a copy that is there does not count. */
function misplaced(rule: DecidedRule, island: DecidedIsland): string | undefined {
  if (island.gone) return 'it has been away for too long'
  if (rule.sites !== undefined && !meetsSites(rule.sites, island.facts))
    return 'the expression of the rule does not mean it'
  if (rule.spread !== undefined && placeOf(rule, island) === undefined) return `its card names no ${rule.spread}`
  return undefined
}

/** Copies at one place count once. */
function placeOf({ spread }: DecidedRule, { id, facts }: DecidedIsland): string | undefined {
  return spread === undefined ? id : facts[spread][0]?.normalize('NFC').toLowerCase()
}

/** In how many places copies may be by this rule, among these islands. */
export function places(rule: DecidedRule, islands: Iterable<DecidedIsland>, counts = exclusion): number {
  const found = new Set<string | undefined>()
  for (const island of islands) if (counts(rule, island) === undefined) found.add(placeOf(rule, island))
  return found.size
}

/** How many copies of the rule these islands have, whoever else has some. */
export function countCopies(rule: DecidedRule, holders: Iterable<DecidedIsland>): number {
  return places(rule, holders, misplaced)
}

/** Highest random weight: the order does not change for others when an island comes or goes. */
function weight(version: string, rule: string, island: string): string {
  return createHash('sha256').update(`${version}\0${rule}\0${island}`).digest('hex')
}

/**
 * All rules that select one dataset, the narrowest first, so that a copy which one rule asks for counts for the next: two
 * rules share copies instead of adding them up.
 *
 * @param window counted from when the need was first seen: in each the next candidates have their turn
 */
export function decide(input: {
  version: string
  rules: readonly DecidedRule[]
  islands: readonly DecidedIsland[]
  copies: ReadonlyMap<string, CopyState>
  window: number
}): Decision[] {
  const { version, rules, islands, copies, window } = input
  const planned = new Set<string>()
  const room = new Map(rules.map((rule) => [rule.key, places(rule, islands)]))
  const order = [...rules].sort(
    (a, b) => room.get(a.key)! - room.get(b.key)! || b.copies - a.copies || (a.key < b.key ? -1 : 1),
  )
  return order.map((rule) => {
    const used = new Set<string | undefined>()
    const count = (which: (island: DecidedIsland) => boolean) =>
      islands.flatMap((island) => {
        const place = placeOf(rule, island)
        if (!which(island) || misplaced(rule, island) !== undefined || used.has(place)) return []
        used.add(place)
        return [island.id]
      })
    const held = count(({ id }) => copies.get(id) === 'held')
    const coming = count(({ id, silent }) => planned.has(id) || (copies.get(id) === 'coming' && !silent))
    const missing = Math.max(0, rule.copies - held.length - coming.length)
    const decision: Decision = { rule, held, coming, missing, candidates: [], turn: [] }
    if (missing === 0) return decision
    const free = islands.filter(
      (island) =>
        exclusion(rule, island) === undefined &&
        copies.get(island.id) !== 'held' &&
        (copies.get(island.id) !== 'coming' || island.silent) &&
        !planned.has(island.id) &&
        !used.has(placeOf(rule, island)),
    )
    const ranked = free
      .map((island) => ({
        island,
        first: copies.get(island.id) === 'part' ? 0 : 1,
        weight: weight(version, rule.key, island.id),
      }))
      .sort((a, b) => a.first - b.first || (a.weight > b.weight ? -1 : 1))
      .map(({ island }) => island)
    decision.candidates = ranked.map(({ id }) => id)
    const groups = groupsOf(rule, ranked, missing)
    decision.turn = (groups[window % Math.max(1, groups.length)] ?? []).map(({ id }) => id)
    // Whoever had a turn and did nothing cannot: no other rule waits for that copy.
    if (window < groups.length) for (const id of decision.turn) planned.add(id)
    return decision
  })
}

/** The candidates in groups that would do together; the groups take turns, so that no one who cannot act is waited for long. */
function groupsOf(rule: DecidedRule, ranked: readonly DecidedIsland[], missing: number): DecidedIsland[][] {
  const groups: DecidedIsland[][] = []
  let rest = [...ranked]
  while (rest.length > 0) {
    const group = new Map<string | undefined, DecidedIsland>()
    for (const island of rest) {
      const place = placeOf(rule, island)
      if (group.size < missing && !group.has(place)) group.set(place, island)
    }
    const chosen = [...group.values()]
    groups.push(chosen)
    rest = rest.filter((island) => !chosen.includes(island))
  }
  return groups
}
