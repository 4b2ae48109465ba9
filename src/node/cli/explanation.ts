/** Why a task runs where it runs: every island with its terms, or with the reason why it is none of them. */
import type { PlacementEntry } from '../../protocols/model/task.ts'
import { seconds } from './format.ts'
import { type TableColumn, type TableOptions, table } from './table.ts'

const yes = (value: boolean) => (value ? 'yes' : 'no')

/** A table with one column per term that any island has. */
export function explanation(explain: PlacementEntry[], options: TableOptions): string {
  const terms = [...new Set(explain.flatMap((entry) => entry.terms?.map((term) => term.name) ?? []))]
  const costs = explain.some((entry) => entry.seconds !== undefined)
  const columns: TableColumn[] = [
    { header: 'ISLAND', min: 8 },
    { header: 'CHOSEN' },
    ...(costs ? [{ header: 'COST', align: 'right' as const, min: 7 }] : []),
    ...terms.map((name) => ({ header: name.toUpperCase(), align: 'right' as const, min: 7 })),
    { header: 'REASON', min: 20 },
    { header: 'CONFIRMED', optional: true },
    { header: 'HOLDS', align: 'right', optional: true },
  ]
  const rows = explain.map((entry) => [
    entry.name,
    yes(entry.chosen),
    ...(costs ? [entry.seconds === undefined ? '-' : seconds(entry.seconds)] : []),
    ...terms.map((name) => {
      const term = entry.terms?.find((t) => t.name === name)
      return term === undefined ? '-' : seconds(term.seconds)
    }),
    entry.reason,
    yes(entry.confirmed),
    String(entry.holds.length),
  ])
  return table(columns, rows, options)
}

/** The explanation that an error carries, when nobody could take the task. */
export function explainOf(details: Record<string, unknown> | undefined): PlacementEntry[] | undefined {
  return Array.isArray(details?.explain) && details.explain.length > 0
    ? (details.explain as PlacementEntry[])
    : undefined
}
