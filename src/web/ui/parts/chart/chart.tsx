import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { useLoaded } from '../../state/loaded.ts'
import { MAX_LOCAL_ROWS, type RowSource } from '../../state/rows.ts'
import { theme } from '../../state/theme.ts'
import { count, number } from '../../text/words.ts'
import { Problem } from '../problem.tsx'
import { ChartControls } from './chart-controls.tsx'
import { type Columns, firstChoice } from './choice.ts'
import { draw } from './draw.ts'
import { type Drawn, histogram, isDrawable, points } from './series.ts'

const nameOf = ({ name, unit }: Columns[number]) => (unit === undefined ? name : `${name} [${unit}]`)

const span = (values: number[]) => {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return `${Number(low.toPrecision(6))} to ${Number(high.toPrecision(6))}`
}

const LEFT = 'without a value that can be drawn'

function nothingWords(left: number, total: number): string {
  if (total === 0) return 'the table has no rows'
  return `${total > left ? `of ${number(total)} rows the first ` : ''}${count(left, 'row')} ${left === 1 ? 'is' : 'are'} ${LEFT}`
}

export function Chart({ columns, source }: { columns: Columns; source: RowSource }) {
  const choice = useSignal(firstChoice(columns))
  const rows = useLoaded(`chart ${source.total}`, (signal) => source.first(signal))
  const types = columns.map((column) => column.type)
  const loaded = useSignal(rows.value)
  loaded.value = rows.value
  const drawn = useComputed<Drawn | undefined>(() => {
    if (loaded.value === undefined) return undefined
    return choice.value.kind === 'histogram'
      ? histogram(loaded.value, types, choice.value)
      : points(loaded.value, types, choice.value)
  })
  const box = useRef<HTMLDivElement>(null)
  const { kind, x, y } = choice.value
  const words = {
    x: columns[x] === undefined ? '' : nameOf(columns[x]),
    y: kind === 'histogram' ? 'rows' : columns[y] === undefined ? '' : nameOf(columns[y]),
  }
  const colours = theme.value
  const data = drawn.value
  useEffect(() => {
    if (box.current === null || data === undefined || data.xs.length === 0) return
    return draw(box.current, data, choice.peek(), words, types)
  }, [data, choice.value, colours])

  if (!types.some(isDrawable)) return <p class="nothing">No column of this table holds numbers.</p>
  return (
    <>
      <ChartControls columns={columns} choice={choice} />
      {rows.error !== undefined && <Problem error={rows.error} onRetry={rows.again} />}
      {source.loading.value !== undefined && (
        <p role="status" class="note">
          Fetching rows: {Math.round(source.loading.value * 100)} %
        </p>
      )}
      {data !== undefined && data.xs.length === 0 && (
        <p class="nothing" role="status">
          Nothing to draw: {nothingWords(data.left, source.total)}.
        </p>
      )}
      {data !== undefined && data.xs.length > 0 && (
        <>
          <div
            class="chart"
            ref={box}
            role="img"
            aria-label={`${kind} of ${words.y} over ${words.x}: ${words.x} ${span(data.xs)}, ${words.y} ${span(data.ys)}`}
          />
          <p class="note">
            {kind === 'histogram' ? count(data.xs.length, 'bin') : count(data.xs.length, 'point')}
            {data.left > 0 && `; ${count(data.left, 'row')} ${LEFT}`}
            {source.total > MAX_LOCAL_ROWS &&
              `; only the first ${number(MAX_LOCAL_ROWS)} of ${number(source.total)} rows`}
            . Drag to enlarge, double-click for all.
          </p>
        </>
      )}
    </>
  )
}
