/** The own island and all others, as they are now. */
import { computed, effect, signal } from '@preact/signals'
import { toArchipelError } from '../../../protocols/model/errors.ts'
import type { IslandStatus, IslandView } from '../../../protocols/model/views.ts'
import { iterate } from '../../client/index.ts'
import { client } from './client.ts'
import { connection, epoch, onEvent } from './connection.ts'
import { onLeave } from './session.ts'

const known = signal<ReadonlyMap<string, IslandView>>(new Map())
export const islandsLoaded = signal(false)
export const status = signal<IslandStatus | undefined>()

/** The own one first, then by name. */
export const islands = computed(() =>
  [...known.value.values()].sort(
    (a, b) => Number(b.self) - Number(a.self) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id),
  ),
)

export function islandById(id: string): IslandView | undefined {
  return known.value.get(id)
}

/** Round-trip times and loads change without an event. */
const REFRESH_MS = 15_000
let asking = false

async function refresh(): Promise<void> {
  if (asking) return
  asking = true
  try {
    const state = await client().status()
    const all = new Map<string, IslandView>()
    for await (const island of iterate(client().islands, { limit: 500 })) all.set(island.id, island)
    known.value = all
    status.value = state
    islandsLoaded.value = true
  } catch (cause) {
    // The connection's own state tells the user; here only what is known gets older.
    toArchipelError(cause)
  } finally {
    asking = false
  }
}

export function startIslands(): void {
  onLeave(() => {
    known.value = new Map()
    status.value = undefined
    islandsLoaded.value = false
  })
  effect(() => {
    void epoch.value
    if (connection.value.state === 'live') void refresh()
  })
  setInterval(() => {
    if (connection.peek().state === 'live' && !document.hidden) void refresh()
  }, REFRESH_MS)
  onEvent((event) => {
    if (event.type === 'island:changed') {
      known.value = new Map(known.peek()).set(event.island.id, event.island)
    } else if (event.type === 'member:left' || event.type === 'member:revoked') {
      const rest = new Map(known.peek())
      rest.delete(event.id)
      known.value = rest
    } else if (event.type === 'member:joined' || event.type === 'log:forked') void refresh()
  })
}
