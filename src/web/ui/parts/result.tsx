import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { ResultMeta } from '../../../protocols/model/task.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import { rowSource } from '../state/rows.ts'
import { TABLE_ITEM } from '../text/lists.ts'
import { count, size } from '../text/words.ts'
import { Chart } from './chart/chart.tsx'
import { Downloads } from './downloads.tsx'
import { Items } from './items.tsx'
import { ResultTable } from './result-table.tsx'

type Tab = 'table' | 'chart' | 'items'

/** The result of a task: its table, a chart of it, and what else came out. */
export function Result({
  task,
  result,
  onRequery,
}: {
  task: TaskView
  result: ResultMeta
  onRequery?: (column: number, descending: boolean) => void
}) {
  const others = result.items.filter((item) => item.name !== TABLE_ITEM)
  const { table } = result
  const source = useMemo(
    () =>
      table &&
      rowSource(
        task.id,
        table.rowCount,
        table.columns.map((column) => column.type),
      ),
    [task.id, table?.rowCount],
  )
  const tab = useSignal<Tab>(table === undefined || result.kind !== 'table' ? 'items' : 'table')
  const tabs: [Tab, string][] = [
    ...(table === undefined
      ? []
      : ([
          ['table', 'Table'],
          ['chart', 'Chart'],
        ] as [Tab, string][])),
    ...(others.length === 0 ? [] : ([['items', count(others.length, 'item')]] as [Tab, string][])),
  ]
  const shown = tabs.some(([id]) => id === tab.value) ? tab.value : tabs[0]?.[0]

  function onKeyDown(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const at = tabs.findIndex(([id]) => id === shown)
    const next = tabs[(at + step + tabs.length) % tabs.length]!
    tab.value = next[0]
    document.getElementById(`tab-${next[0]}`)?.focus()
  }

  if (tabs.length === 0) return <p class="nothing">The task has ended without a result of its own.</p>
  return (
    <section class="panel result" aria-label="Result">
      <div class="toolbar">
        <div class="tabs" role="tablist" aria-label="Result" onKeyDown={onKeyDown}>
          {tabs.map(([id, word]) => (
            <button
              type="button"
              role="tab"
              id={`tab-${id}`}
              key={id}
              aria-selected={id === shown}
              aria-controls="result-shown"
              tabIndex={id === shown ? 0 : -1}
              onClick={() => {
                tab.value = id
              }}
            >
              {word}
            </button>
          ))}
        </div>
        <span class="grow note">
          {table !== undefined && count(table.rowCount, 'row')}
          {table?.truncated && ', cut at the limit of rows'}
          {` ${size(result.bytes)}`}
        </span>
        {table !== undefined && <Downloads task={task.id} name={task.name} />}
      </div>
      <div role="tabpanel" id="result-shown" aria-labelledby={`tab-${shown}`}>
        {shown === 'table' && <ResultTable columns={table!.columns} source={source!} onRequery={onRequery} />}
        {shown === 'chart' && <Chart columns={table!.columns} source={source!} />}
        {shown === 'items' && <Items task={task.id} items={others} />}
      </div>
    </section>
  )
}
