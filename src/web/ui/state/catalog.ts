/** The datasets that the editor completes: the first of the catalog, and those that were looked up since. */
import { effect, signal } from '@preact/signals'
import type { DatasetView } from '../../../protocols/model/views.ts'
import { client } from './client.ts'
import { connection, epoch, onEvent } from './connection.ts'
import { onLeave } from './session.ts'

export const catalog = signal<ReadonlyMap<string, DatasetView>>(new Map())
/** Grows with each change of a dataset, coalesced: lists that are shown ask again. */
export const catalogChanges = signal(0)

const FIRST = 300
const MAX_KNOWN = 2000
const COALESCE_MS = 500

export function learn(views: DatasetView[]): void {
  const all = new Map(catalog.peek())
  for (const view of views) {
    const key = `${view.publisher.id} ${view.id}`
    all.delete(key)
    all.set(key, view)
  }
  for (const key of all.keys()) {
    if (all.size <= MAX_KNOWN) break
    all.delete(key)
  }
  catalog.value = all
}

export function startCatalog(): void {
  onLeave(() => {
    catalog.value = new Map()
  })
  effect(() => {
    void epoch.value
    if (connection.value.state !== 'live') return
    client()
      .datasets({ limit: FIRST })
      .then(
        ({ items }) => learn(items),
        () => {},
      )
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  onEvent((event) => {
    if (event.type !== 'dataset:changed' && event.type !== 'dataset:withdrawn') return
    if (event.type === 'dataset:changed') learn([event.dataset])
    else {
      const rest = new Map(catalog.peek())
      rest.delete(`${event.publisher.id} ${event.id}`)
      catalog.value = rest
    }
    if (timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      catalogChanges.value++
    }, COALESCE_MS)
  })
}
