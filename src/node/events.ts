import type { IslandEvent, IslandView, TaskSummary } from '../protocols/model/views.ts'
import type { BrowsePort } from './browse/browse.ts'
import { type Channel, channel } from './buffers.ts'
import type { CatalogChange, CatalogPort } from './catalog/port.ts'
import type { Roster } from './members/roster.ts'

/** Events waiting for one reader. */
const BUFFER = 1000

export interface EventsPort {
  islandChanged(island: string): void
  taskChanged(task: TaskSummary): void
  subscribe(signal?: AbortSignal): AsyncIterable<IslandEvent | { lost: number }>
  stop(): void
}

/** An event, or how to make one when somebody comes to read it: of the many of a catalog that comes in whole, most are never read. */
type Told = IslandEvent | (() => IslandEvent | undefined)

/** Turns what happens inside into the events that people and programs follow. */
export function islandEvents(components: {
  catalog: CatalogPort
  browse: BrowsePort
  roster: Roster
  viewOf: (island: string) => IslandView | undefined
}): EventsPort {
  const { catalog, browse, roster } = components
  const readers = new Set<Channel<Told>>()
  const now = () => new Date().toISOString()
  let members = new Map(roster.all().map((m) => [m.id, m.name]))

  function tell(event: Told): void {
    for (const reader of readers) reader.push(event)
  }

  function islandChanged(island: string): void {
    if (readers.size === 0) return
    const view = components.viewOf(island)
    if (view !== undefined) tell({ type: 'island:changed', time: now(), island: view })
  }

  function onChange(changes: CatalogChange[]): void {
    if (readers.size === 0) return
    for (const change of changes) {
      if (change.type === 'put' && change.record.kind === 'dataset') {
        const time = now()
        tell(() => {
          const dataset = browse.viewOf(change.record)
          if (dataset === undefined) return undefined
          return { type: 'dataset:changed', time, id: dataset.id, publisher: dataset.publisher, dataset }
        })
      } else if (change.type === 'withdrawn' && change.kind === 'dataset') {
        tell({
          type: 'dataset:withdrawn',
          time: now(),
          id: change.id,
          publisher: { id: change.origin, name: roster.nameOf(change.origin) },
        })
      } else if (change.type === 'put' && change.record.kind === 'island') islandChanged(change.record.origin)
    }
  }

  catalog.on('change', onChange)
  browse.onDropped((publisher, ids) => {
    for (const id of ids) {
      tell({ type: 'dataset:withdrawn', time: now(), id, publisher: { id: publisher, name: roster.nameOf(publisher) } })
    }
  })
  catalog.on('log:forked', ({ origin }) => tell({ type: 'log:forked', time: now(), id: origin }))
  catalog.on('membership', (membership) => {
    const next = new Map(
      [...membership.members.values()].filter((m) => m.state === 'member').map((m) => [m.id, m.name]),
    )
    for (const [id, name] of next) if (!members.has(id)) tell({ type: 'member:joined', time: now(), id, name })
    for (const [id, name] of members) {
      if (next.has(id)) continue
      tell({
        type: membership.members.get(id)?.state === 'left' ? 'member:left' : 'member:revoked',
        time: now(),
        id,
        name,
      })
    }
    members = next
  })

  return {
    islandChanged,
    taskChanged: (task) => tell({ type: 'task:changed', time: now(), task }),
    async *subscribe(signal) {
      const reader = channel<Told>(BUFFER)
      readers.add(reader)
      try {
        for await (const told of reader.read(signal)) {
          const event = typeof told === 'function' ? told() : told
          if (event !== undefined) yield event
        }
      } finally {
        readers.delete(reader)
      }
    },
    stop() {
      for (const reader of readers) reader.end()
    },
  }
}
