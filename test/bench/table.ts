import { type Figure, met } from './bench.ts'

const COLUMNS = ['measured', 'value', 'target', '', 'ratio', 'against'] as const

/** Figures as a table of plain text. */
export function figuresTable(figures: Figure[]): string {
  const rows = [[...COLUMNS], ...figures.map(row)]
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)))
  return rows.map((r) => `  ${r.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()).join('\n')
}

function row(figure: Figure): string[] {
  const { what, value, unit, target, baseline } = figure
  const bound = target === undefined ? '' : 'below' in target ? `< ${target.below}` : `> ${target.above}`
  const ok = met(figure)
  return [
    what,
    `${short(value)} ${unit}`,
    bound === '' ? '' : `${bound} ${unit}`,
    ok === undefined ? '' : ok ? 'met' : 'missed',
    baseline === undefined ? '' : short(baseline.ratio),
    baseline === undefined ? '' : `${baseline.what}: ${short(baseline.value)} ${baseline.unit}`,
  ]
}

/** Three significant digits. */
function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
