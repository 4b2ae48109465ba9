import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { ResultMeta } from '../../../protocols/model/task.ts'
import { connection } from '../state/connection.ts'
import { MAX_LOCAL_ROWS, type RowSource } from '../state/rows.ts'
import { cellText, isNumeric } from '../text/cells.ts'
import { number } from '../text/words.ts'
import { Problem } from './problem.tsx'
import { ROW_PX, scrollFor, windowOf } from './row-window.ts'

type Columns = NonNullable<ResultMeta['table']>['columns']
/** Of the column at a place, from 0. */
type Requery = (column: number, descending: boolean) => void

const SAMPLE = 100
const [LEAST_CH, MOST_CH] = [7, 42]

/** Widths in characters by the head of the table: they stay while one scrolls. */
function widths(columns: Columns, source: RowSource): number[] {
  return columns.map((column, i) => {
    let most = column.name.length + 3
    for (let row = 0; row < Math.min(SAMPLE, source.total); row++) {
      const cell = source.row(row)?.[i]
      if (cell !== undefined) most = Math.max(most, cellText(cell).length + 1)
    }
    return Math.max(LEAST_CH, Math.min(MOST_CH, most))
  })
}

/** A table of any length: only the rows that are seen exist, and only their pages are fetched. */
export function ResultTable({
  columns,
  source,
  onRequery,
}: {
  columns: Columns
  source: RowSource
  onRequery?: Requery
}) {
  const box = useRef<HTMLElement>(null)
  const scroll = useSignal({ top: 0, height: 400 })
  const asked = useSignal<number | undefined>(undefined)
  const { total } = source
  void source.changes.value
  const view = windowOf(scroll.value.top, scroll.value.height, total)
  const headIsHere = total === 0 || source.row(0) !== undefined
  const sized = useMemo(() => widths(columns, source), [columns, source, headIsHere])

  useEffect(() => {
    // A scroll that goes on fetches nothing on its way.
    const timer = setTimeout(() => source.show(view.from, view.to), view.from === 0 ? 0 : 60)
    return () => clearTimeout(timer)
  }, [view.from, view.to, source, source.sorting.value])
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      const { current } = box
      if (current !== null) scroll.value = { top: current.scrollTop, height: current.clientHeight }
    })
    observer.observe(box.current!)
    return () => observer.disconnect()
  }, [])

  const seen = useRef(view)
  seen.current = view
  useSignalEffect(() => {
    if (connection.value.state === 'live' && source.error.peek() !== undefined)
      source.show(seen.current.from, seen.current.to)
  })

  function goTo(row: number): void {
    const { current } = box
    if (current !== null)
      current.scrollTop = scrollFor(Math.max(0, Math.min(total - 1, row)), current.clientHeight, total)
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.target !== box.current || event.ctrlKey || event.altKey || event.metaKey) return
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: view.visible - 1, PageUp: 1 - view.visible }[event.key]
    if (step === undefined) return
    event.preventDefault()
    goTo(view.first + step)
  }

  function onSort(column: number): void {
    if (total > MAX_LOCAL_ROWS) {
      asked.value = asked.peek() === column ? undefined : column
      return
    }
    const now = source.sorting.peek()
    if (now?.column !== column) void source.sort({ column, descending: false })
    else void source.sort(now.descending ? undefined : { column, descending: true })
  }

  const { sorting, loading, error } = source
  const rows = []
  for (let index = view.from; index < view.to; index++) rows.push(index)
  return (
    <>
      {error.value !== undefined && <Problem error={error.value} onRetry={() => source.show(view.from, view.to)} />}
      {loading.value !== undefined && (
        <p role="status" class="note">
          Fetching all rows: {Math.round(loading.value * 100)} %
        </p>
      )}
      {asked.value !== undefined && (
        <SortByIsland
          column={asked.value}
          name={columns[asked.value]!.name}
          total={total}
          onRequery={onRequery}
          onClose={() => {
            asked.value = undefined
          }}
        />
      )}
      <section
        class="rows"
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys
        tabIndex={0}
        aria-label="Rows of the result"
        onKeyDown={onKeyDown}
        onScroll={(event) => {
          scroll.value = { top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight }
        }}
      >
        <table class="grid cells" aria-rowcount={total + 1} aria-colcount={columns.length + 1}>
          <colgroup>
            <col style={{ width: `${Math.max(4, String(total).length + 3)}ch` }} />
            {columns.map((column, i) => (
              <col key={column.name} style={{ width: `${sized[i]}ch` }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              <th scope="col" class="n">
                <span class="visually-hidden">Row</span>#
              </th>
              {columns.map((column, i) => {
                const sorted =
                  sorting.value?.column === i ? (sorting.value.descending ? 'descending' : 'ascending') : 'none'
                return (
                  <th scope="col" key={column.name} aria-sort={sorted} class={isNumeric(column.type) ? 'n' : undefined}>
                    <button type="button" class="sort" onClick={() => onSort(i)} title={titleOf(column)}>
                      {column.name}
                      <span aria-hidden="true">{{ none: '', ascending: ' ▲', descending: ' ▼' }[sorted]}</span>
                    </button>
                  </th>
                )
              })}
            </tr>
          </thead>
          <tbody>
            {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus */}
            <tr class="space" aria-hidden="true" style={{ height: `${view.above}px` }} />
            {rows.map((index) => (
              <Row key={index} index={index} columns={columns} cells={source.row(index)} />
            ))}
            {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus */}
            <tr class="space" aria-hidden="true" style={{ height: `${view.below}px` }} />
          </tbody>
        </table>
      </section>
      <div class="toolbar">
        <p class="note grow">
          Rows {number(Math.min(total, view.first + 1))} to {number(Math.min(total, view.first + view.visible))} of{' '}
          {number(total)}
        </p>
        {total > view.visible && (
          <label>
            Go to row{' '}
            <input
              class="short"
              inputMode="numeric"
              onChange={(event) => goTo(Number(event.currentTarget.value.replace(/\D/g, '')) - 1)}
            />
          </label>
        )}
      </div>
    </>
  )
}

function titleOf({ type, unit, ucd, description }: Columns[number]): string {
  return [type, unit && `[${unit}]`, ucd, description].filter(Boolean).join(' · ').slice(0, 400)
}

function Row({ index, columns, cells }: { index: number; columns: Columns; cells: ReturnType<RowSource['row']> }) {
  return (
    <tr aria-rowindex={index + 2} style={{ height: `${ROW_PX}px` }}>
      <td class="n dim">{number(index + 1)}</td>
      {columns.map((column, i) => {
        const cell = cells?.[i]
        return (
          <td key={column.name} class={isNumeric(column.type) ? 'n' : undefined}>
            {cell === undefined ? '…' : cell === null ? <span class="null">–</span> : cellText(cell)}
          </td>
        )
      })}
    </tr>
  )
}

/** What to do about a table that is too long to be sorted here. */
function SortByIsland({
  column,
  name,
  total,
  onRequery,
  onClose,
}: {
  column: number
  name: string
  total: number
  onRequery: Requery | undefined
  onClose: () => void
}) {
  return (
    <div class="notice" role="status">
      <p>
        {number(total)} rows are more than this page sorts by itself ({number(MAX_LOCAL_ROWS)}).{' '}
        {onRequery === undefined
          ? 'Sort them in the program, or save the table.'
          : 'The island can run the statement again, sorted, as a new task:'}
      </p>
      {onRequery !== undefined && (
        <>
          <button type="button" onClick={() => onRequery(column, false)}>
            By {name}, ascending
          </button>
          <button type="button" onClick={() => onRequery(column, true)}>
            By {name}, descending
          </button>
        </>
      )}
      <button type="button" class="quiet" onClick={onClose}>
        Close
      </button>
    </div>
  )
}
