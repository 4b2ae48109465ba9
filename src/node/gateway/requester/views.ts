import type { Entry } from './entry.ts'

/** An entry of the endpoint as people see it: what Livy has no fields for. */
export interface LivyEntryView {
  type: 'session' | 'batch'
  /** Of this endpoint. */
  id: number
  name?: string
  owner: string
  kind?: string
  state: string
  island: { id: string; name: string }
  engine?: 'livy' | 'embedded'
  /** Id at the Livy of that island. */
  remoteId?: number
  why: string
  datasets: { table: string; id: string; version: string }[]
  /** ISO instants. */
  created: string
  ended?: string
  /** Of a session: the statements that are kept, and bytes of each output that is on the disk. */
  statements?: { id: number; state: string; spooledBytes?: number }[]
}

export function viewOf(entry: Entry, nameOf: (island: string) => string): LivyEntryView {
  const { record } = entry
  return {
    type: record.type,
    id: record.id,
    ...(record.name === null ? {} : { name: record.name }),
    owner: record.owner,
    ...(record.type === 'session' ? { kind: record.request.kind } : {}),
    state: entry.state,
    island: { id: record.island, name: nameOf(record.island) },
    ...(record.engine === undefined ? {} : { engine: record.engine }),
    ...(record.last === undefined ? {} : { remoteId: record.last.id }),
    why: record.why,
    datasets: record.datasets.map(({ table, id, version }) => ({ table, id, version })),
    created: new Date(record.created).toISOString(),
    ...(record.ended === undefined ? {} : { ended: new Date(record.ended).toISOString() }),
    ...(record.type === 'session'
      ? {
          statements: entry.statements().map(({ statement, spooled }) => ({
            id: statement.id,
            state: statement.state,
            ...(spooled === undefined ? {} : { spooledBytes: spooled }),
          })),
        }
      : {}),
  }
}
