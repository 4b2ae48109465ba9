/** The rows of a result, fetched by pages when they are looked at. All of them only where that is little. */
import { type Signal, signal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell } from '../../../protocols/model/task.ts'
import { sortRows } from '../text/order.ts'
import { client } from './client.ts'

const PAGE_ROWS = 500
const MAX_PAGES = 80
/** Rows of one request when all are wanted. */
const BULK_ROWS = 10_000
/** Rows that are sorted or drawn here; a larger table is sorted by the island. */
export const MAX_LOCAL_ROWS = 100_000

export interface Sorting {
  column: number
  descending: boolean
}

export interface RowSource {
  readonly total: number
  /** Grows when rows have come or their order has changed. */
  changes: Signal<number>
  error: Signal<ArchipelError | undefined>
  sorting: Signal<Sorting | undefined>
  /** Rows fetched of those wanted, while a sort waits for them. */
  loading: Signal<number | undefined>
  /** Undefined while it is not here yet. */
  row(index: number): Cell[] | undefined
  /** What is looked at: fetches what is missing of it. */
  show(from: number, to: number): void
  /** The first rows of the table, at most `MAX_LOCAL_ROWS`. */
  first(signal: AbortSignal): Promise<Cell[][]>
  /** Sorts here; only for a table of at most `MAX_LOCAL_ROWS`. */
  sort(sorting: Sorting | undefined): Promise<void>
}

export function rowSource(task: string, total: number, types: string[]): RowSource {
  const pages = new Map<number, Cell[][]>()
  const asked = new Set<number>()
  const changes = signal(0)
  const error = signal<ArchipelError | undefined>()
  const sorting = signal<Sorting | undefined>()
  const loading = signal<number | undefined>()
  let bulk: Promise<Cell[][]> | undefined
  let order: Cell[][] | undefined

  async function page(number: number): Promise<void> {
    asked.add(number)
    try {
      const { rows } = await client().tasks.rows(task, { from: number * PAGE_ROWS, limit: PAGE_ROWS })
      pages.set(number, rows)
      for (const old of pages.keys()) {
        if (pages.size <= MAX_PAGES) break
        pages.delete(old)
      }
      error.value = undefined
      changes.value++
    } catch (cause) {
      error.value = toArchipelError(cause)
    } finally {
      asked.delete(number)
    }
  }

  async function fetchBulk(): Promise<Cell[][]> {
    const wanted = Math.min(total, MAX_LOCAL_ROWS)
    const all: Cell[][] = []
    while (all.length < wanted) {
      loading.value = all.length / wanted
      const { rows } = await client().tasks.rows(task, {
        from: all.length,
        limit: Math.min(BULK_ROWS, wanted - all.length),
      })
      if (rows.length === 0) break
      for (const row of rows) all.push(row)
    }
    return all
  }

  function all(): Promise<Cell[][]> {
    bulk ??= fetchBulk().finally(() => {
      loading.value = undefined
    })
    // What failed is tried again by the next who asks.
    bulk.catch(() => {
      bulk = undefined
    })
    return bulk
  }

  return {
    total,
    changes,
    error,
    sorting,
    loading,
    row(index) {
      if (order !== undefined) return order[index]
      return pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS]
    },
    show(from, to) {
      if (order !== undefined) return
      const last = Math.floor(Math.max(0, Math.min(to, total) - 1) / PAGE_ROWS)
      for (let number = Math.floor(from / PAGE_ROWS); number <= last; number++) {
        if (!pages.has(number) && !asked.has(number)) void page(number)
      }
    },
    async first(signal) {
      const rows = await all()
      signal.throwIfAborted()
      return rows
    },
    async sort(wanted) {
      try {
        if (wanted === undefined) order = undefined
        else {
          const { column, descending } = wanted
          order = sortRows(await all(), column, types[column] ?? '', descending)
        }
        sorting.value = wanted
        error.value = undefined
        changes.value++
      } catch (cause) {
        error.value = toArchipelError(cause)
      }
    },
  }
}
