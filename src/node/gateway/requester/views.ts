import type { LivyEntryView } from '../../../protocols/model/livy-views.ts'
import type { Entry } from './entry.ts'

/** An entry for people. */
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
    why: [record.why, ...waitsFor(entry)].join('; '),
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

/** Of a session that does not start yet, the line of its log that says what it waits for. */
function waitsFor({ state, record }: Entry): string[] {
  const last = state === 'starting' ? record.last?.log.at(-1) : undefined
  return last?.startsWith('waits for a place') ? [last] : []
}
