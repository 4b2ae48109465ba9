/** What the demo prints. */
import type { PlacementEntry, TableResult } from '../../src/protocols/model/task.ts'

function lines(rows: string[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => `    ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()).join('\n')
}

export function tableText({ columns, rows }: Pick<TableResult, 'columns' | 'rows'>): string {
  return lines([columns.map((c) => c.name), ...rows.map((row) => row.map((cell) => String(cell ?? '')))])
}

/** Every island: its cost by terms, or why it was none. */
export function explanationText(explain: PlacementEntry[]): string {
  const terms = [...new Set(explain.flatMap((e) => e.terms?.map((term) => term.name) ?? []))]
  const ms = (seconds: number | undefined) => (seconds === undefined ? '-' : `${Math.round(seconds * 1000)} ms`)
  return lines([
    ['island', 'cost', ...terms, ''],
    // Those that could not, by name.
    ...explain
      .toSorted((a, b) => (a.excluded && b.excluded ? a.name.localeCompare(b.name) : 0))
      .map((e) => [
        e.name,
        ms(e.seconds),
        ...terms.map((name) => ms(e.terms?.find((term) => term.name === name)?.seconds)),
        `${e.chosen ? 'chosen' : 'not chosen'}: ${e.reason}`,
      ]),
  ])
}
