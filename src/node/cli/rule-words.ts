/** Rules on a terminal. */
import type { RuleDataset, RuleExplanation, RuleView } from '../../protocols/model/rule.ts'
import { clean } from './clean.ts'
import { bytes, count } from './format.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'

/** What it selects, as it may be typed again. */
export function selectText({ select }: Pick<RuleView, 'select'>): string {
  const { text, keyword = [], island, format, minSize, maxSize, cone } = select
  const conditions = [
    ...(text === undefined ? [] : [text]),
    ...keyword.map((word) => `keyword=${word}`),
    ...(island === undefined ? [] : [`island=${island}`]),
    ...(format === undefined ? [] : [`format=${format}`]),
    ...(minSize === undefined ? [] : [`minSize=${minSize}`]),
    ...(maxSize === undefined ? [] : [`maxSize=${maxSize}`]),
    ...(cone === undefined ? [] : [`cone=${cone.ra},${cone.dec},${cone.radius}`]),
  ]
  return conditions.length === 0 ? 'all datasets' : conditions.join(' ')
}

export function missingText({ missing }: Pick<RuleView, 'missing'>): string {
  return missing.copies === 0 ? 'none' : `${count(missing.copies)}, ${bytes(missing.bytes)}`
}

export function ruleText(rule: RuleView): string {
  const lines = [
    ['id', rule.id],
    ['made by', rule.publisher.name],
    ['selects', selectText(rule)],
    ['copies', String(rule.copies)],
    ['sites', rule.sites ?? 'all islands'],
    ['spread', rule.spread ?? 'none'],
    ['priority', rule.priority],
    ['created', rule.created],
    ['expires', rule.expires ?? 'never'],
    ['datasets', `${count(rule.selected.datasets)}, ${bytes(rule.selected.bytes)}`],
    ['missing copies', missingText(rule)],
    ['islands meant', String(rule.islands)],
  ]
  return lines.map(([name, value]) => clean(`${name!.padEnd(16)}${value}`)).join('\n')
}

function rolesText({ islands }: RuleDataset, role: RuleDataset['islands'][number]['role']): string {
  const names = islands.filter((island) => island.role === role).map(({ name }) => name)
  return names.length === 0 ? '-' : names.join(', ')
}

const ISLANDS = [
  { header: 'ISLAND', min: 8 },
  { header: 'MAY HOLD COPIES', min: 12 },
]
const DATASETS = [
  { header: 'DATASET', min: 10 },
  { header: 'COPIES', align: 'right' as const },
  { header: 'SIZE', align: 'right' as const, optional: true },
  { header: 'HOLD IT', min: 8 },
  { header: 'BRING IT', min: 8 },
  { header: 'NEXT', min: 6 },
  { header: 'AFTER THEM', min: 6, optional: true },
]

export function explanationText({ rule, islands, datasets }: RuleExplanation, io: Pick<Io, 'width' | 'style'>): string {
  const options = { width: io.width, style: (text: string) => io.style('bold', text) }
  const meant = islands.map(({ name, excluded }) => [name, excluded === undefined ? 'yes' : `no: ${excluded}`])
  const rows = datasets.map((each) => [
    each.name,
    `${each.copies} of ${each.wanted}`,
    bytes(each.bytes),
    ...(['holds', 'brings', 'next', 'waits'] as const).map((role) => rolesText(each, role)),
  ])
  const parts = [ruleText(rule), table(ISLANDS, meant, options)]
  if (rows.length > 0) parts.push(table(DATASETS, rows, options))
  return parts.join('\n\n')
}
