import { knownRule } from '../../../src/node/rules/table.ts'
import { ruleBody } from '../../../src/protocols/model/rule.ts'
import {
  countCopies,
  type DecidedIsland,
  type DecidedRule,
  exclusion,
  places,
} from '../../../src/protocols/rules/decide.ts'
import { siteFacts } from '../../../src/protocols/rules/sites.ts'
import type { RuleSim } from './world.ts'

export interface Lacking {
  id: string
  rule: string
  copies: number
  held: number
  possible: number
}

/** Rules of all islands, as far as somebody who is up knows them: others were lost with the island that made them. */
function allRules(sim: RuleSim): { id: string; decided: DecidedRule }[] {
  return [...sim.logs].flatMap(([origin, log]) => {
    const live = new Map<string, unknown>()
    const known = Math.max(...[...sim.islands.values()].map((i) => (i.isUp ? i.seen(origin) : 0)))
    for (const { kind, id, body } of log.slice(0, known)) if (kind === 'rule') live.set(id, body)
    return [...live].flatMap(([id, body]) => {
      const decided = body === undefined ? undefined : knownRule(origin, id, ruleBody.parse(body))
      return decided === undefined ? [] : [{ id, decided }]
    })
  })
}

/**
 * By the truth of all disks.
 *
 * @param able of datasets that nobody who is up has, nothing is lacking, nor more copies than can be
 */
export function lackingOf(sim: RuleSim, able: boolean): Lacking[] {
  const islands: (DecidedIsland & { room: boolean })[] = [...sim.islands.values()].map(({ id, card, isUp, quota }) => {
    const from = card.rulesFrom ?? []
    const obeys = (origin: string) => from.includes('members') || from.includes(origin)
    return {
      id,
      facts: siteFacts(id, card),
      obeys,
      gone: !isUp,
      silent: !isUp,
      room: quota === Number.POSITIVE_INFINITY,
    }
  })
  const lacking: Lacking[] = []
  for (const { publisher, id, version } of sim.newest.values()) {
    const disks = sim.onDisks(publisher, id, version)
    if (able && !disks.some((island) => sim.islands.get(island)!.isUp)) continue
    for (const { id: rule, decided } of allRules(sim)) {
      const holders = islands.filter((island) => disks.includes(island.id))
      const held = countCopies(decided, holders)
      // Those that have it, and those that may and can bring it.
      const may = islands.filter((i) => disks.includes(i.id) || (i.room && exclusion(decided, i) === undefined))
      const possible = places(decided, may, (r, i) =>
        disks.includes(i.id) && !i.gone ? placed(r, i) : exclusion(r, i),
      )
      if (held < Math.min(decided.copies, able ? possible : decided.copies))
        lacking.push({ id, rule, copies: decided.copies, held, possible })
    }
  }
  return lacking
}

/** Of a holder, whether it obeys does not matter. */
const placed = (rule: DecidedRule, island: DecidedIsland) => exclusion({ ...rule, origin: island.id }, island)
