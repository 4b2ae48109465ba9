/** Rules for people: what each asks for, how far that is done, and why. */
import type { RuleDataset, RuleExplanation, RuleIsland, RuleView } from '../../protocols/model/rule.ts'
import { type DecidedIsland, type Decision, exclusion } from '../../protocols/rules/decide.ts'
import type { KnownRule, Selected } from './table.ts'

/** Datasets of an explanation; those with missing copies come first. */
const EXPLAINED = 100

export interface Judged {
  dataset: Selected
  decision: Decision
}

export interface ViewContext {
  nameOf(island: string): string
  islands: readonly DecidedIsland[]
}

export function ruleViewOf(rule: KnownRule, judged: readonly Judged[], { nameOf, islands }: ViewContext): RuleView {
  const lacking = judged.map(({ dataset, decision }) => ({
    bytes: dataset.bytes,
    copies: Math.max(0, rule.copies - decision.held.length),
  }))
  const short = lacking.filter(({ copies }) => copies > 0)
  return {
    id: rule.id,
    publisher: { id: rule.origin, name: nameOf(rule.origin) },
    ...rule.body,
    selected: { datasets: judged.length, bytes: judged.reduce((sum, { dataset }) => sum + dataset.bytes, 0) },
    missing: {
      datasets: short.length,
      copies: short.reduce((sum, { copies }) => sum + copies, 0),
      bytes: short.reduce((sum, { copies, bytes }) => sum + copies * bytes, 0),
    },
    islands: islands.filter((island) => exclusion(rule, island) === undefined).length,
  }
}

export function islandsOf(rule: KnownRule, { islands, nameOf }: ViewContext): RuleIsland[] {
  return islands
    .map((island) => {
      const excluded = exclusion(rule, island)
      return { island: island.id, name: nameOf(island.id), ...(excluded === undefined ? {} : { excluded }) }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function datasetOf(rule: KnownRule, { dataset, decision }: Judged, context: ViewContext): RuleDataset {
  const { held, coming, candidates, turn } = decision
  const rest = islandsOf(rule, context).filter(
    ({ island }) => !held.includes(island) && !coming.includes(island) && !candidates.includes(island),
  )
  const of = (ids: string[], role: RuleDataset['islands'][number]['role']) =>
    ids.map((island) => ({ island, name: context.nameOf(island), role }))
  return {
    dataset: dataset.id,
    name: dataset.name,
    publisher: { id: dataset.publisher, name: context.nameOf(dataset.publisher) },
    version: dataset.version,
    bytes: dataset.bytes,
    copies: held.length,
    wanted: rule.copies,
    islands: [
      ...of(held, 'holds'),
      ...of(coming, 'brings'),
      ...of(turn, 'next'),
      ...of(
        candidates.filter((island) => !turn.includes(island)),
        'waits',
      ),
      ...rest.flatMap((island) => (island.excluded === undefined ? [] : [{ ...island, role: 'excluded' as const }])),
    ],
  }
}

export function explanationOf(rule: KnownRule, judged: readonly Judged[], context: ViewContext): RuleExplanation {
  const lack = ({ decision }: Judged) => rule.copies - decision.held.length
  const first = [...judged].sort((a, b) => lack(b) - lack(a) || (a.dataset.id < b.dataset.id ? -1 : 1))
  return {
    rule: ruleViewOf(rule, judged, context),
    islands: islandsOf(rule, context),
    datasets: first.slice(0, EXPLAINED).map((each) => datasetOf(rule, each, context)),
  }
}
