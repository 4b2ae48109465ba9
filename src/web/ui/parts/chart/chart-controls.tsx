import type { Signal } from '@preact/signals'
import { type Columns, onX, onY } from './choice.ts'
import { type ChartChoice, type ChartKind, isDrawable } from './series.ts'

const KINDS: [ChartKind, string][] = [
  ['scatter', 'Points'],
  ['line', 'Line'],
  ['histogram', 'Histogram'],
]

export function ChartControls({ columns, choice }: { columns: Columns; choice: Signal<ChartChoice> }) {
  const set = (more: Partial<ChartChoice>) => {
    choice.value = { ...choice.peek(), ...more }
  }
  const isHistogram = choice.value.kind === 'histogram'
  const column = (axis: 'x' | 'y', word: string) => (
    <label>
      {word}{' '}
      <select
        value={choice.value[axis]}
        onChange={(event) => set((axis === 'x' ? onX : onY)(columns, Number(event.currentTarget.value)))}
      >
        {columns.map(({ name, type }, i) =>
          isDrawable(type) ? (
            <option key={name} value={i}>
              {name}
            </option>
          ) : null,
        )}
      </select>
    </label>
  )
  const check = (name: 'reverseX' | 'reverseY' | 'logX' | 'logY', word: string) => (
    <label class="check">
      <input
        type="checkbox"
        checked={choice.value[name]}
        onChange={(event) => set({ [name]: event.currentTarget.checked })}
      />{' '}
      {word}
    </label>
  )
  return (
    <div class="toolbar chart-controls">
      <label>
        Chart{' '}
        <select value={choice.value.kind} onChange={(event) => set({ kind: event.currentTarget.value as ChartKind })}>
          {KINDS.map(([kind, word]) => (
            <option key={kind} value={kind}>
              {word}
            </option>
          ))}
        </select>
      </label>
      {column('x', 'X')}
      {check('reverseX', 'reversed X')}
      {!isHistogram && check('logX', 'log X')}
      {!isHistogram && column('y', 'Y')}
      {!isHistogram && check('reverseY', 'reversed Y')}
      {!isHistogram && check('logY', 'log Y')}
    </div>
  )
}
