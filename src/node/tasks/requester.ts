import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { Column } from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { Cell, PlacementEntry, TableResult } from '../../protocols/model/task.ts'
import type { SqlRequest, TaskResult } from '../../protocols/model/views.ts'
import { type RunRequest, runSpec } from '../../protocols/task/messages.ts'
import { callSeries } from '../../protocols/wire/client.ts'
import type { SqlAnalyser } from '../engines/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { NetworkPort } from '../network/port.ts'
import type { IslandLookup, Located } from '../resolve/port.ts'
import type { ProviderPort } from './provider.ts'

export interface RequesterComponents {
  analyser: SqlAnalyser
  /** The one dataset a table name means, with confirmed holders. @throws DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID */
  locate: (table: string, signal: AbortSignal | undefined) => Promise<Located>
  islands: IslandLookup
  /** By id or name. @throws NOT_FOUND, AMBIGUOUS */
  islandNamed: (text: string) => string
  connect: (island: string, signal: AbortSignal) => Promise<string>
  network: NetworkPort
  provider: ProviderPort
  journal: JournalPort
  logger: Logger
}

export interface RequesterPort {
  sql(request: SqlRequest, options?: { signal?: AbortSignal; user?: string }): Promise<TaskResult>
}

const MAX_ROWS = 1_000_000
/** Failures after which another holder is tried: the statement itself is not at fault. */
const TRY_ELSEWHERE = new Set([
  'UNREACHABLE',
  'DEADLINE',
  'ENGINE_DOWN',
  'TOO_MANY',
  'STALE',
  'DATASET_NOT_FOUND',
  'FORBIDDEN',
  'PROTOCOL',
  'NOT_A_MEMBER',
])

/** The asking side of tasks: what the statement reads, who holds all of it, the try at one holder after the other. */
export function requester(components: RequesterComponents): RequesterPort {
  const { islands, network, provider } = components

  function candidates(located: Located[], on: string | undefined): { order: string[]; explain: PlacementEntry[] } {
    const all = new Set(located.flatMap((l) => l.holders.map((h) => h.island)))
    if (on !== undefined) all.add(on)
    if (located.length === 0) all.add(on ?? islands.self)
    const explain: PlacementEntry[] = []
    const order: string[] = []
    for (const island of all) {
      const holds = located.filter((l) =>
        l.holders.some((h) => h.island === island && h.state === 'available' && h.version === l.version),
      )
      const confirmed = holds.every((l) => l.holders.some((h) => h.island === island && h.confirmed))
      const missing = located.filter((l) => !holds.includes(l))
      let reason = located.length === 0 ? 'the statement needs no data' : reasonFor(island)
      let usable = true
      if (missing.length > 0) {
        usable = false
        const why = located
          .flatMap((l) => l.holders.filter((h) => h.island === island).map((h) => h.reason))
          .find((r) => r !== undefined)
        reason = `does not hold ${missing.map((m) => m.id).join(', ')}${why === undefined ? '' : ` (${why})`}`
      } else if (!confirmed) {
        usable = false
        reason =
          located
            .flatMap((l) => l.holders.filter((h) => h.island === island).map((h) => h.reason))
            .find((r) => r !== undefined) ?? 'did not confirm that it holds the data'
      } else if (on !== undefined && island !== on) {
        usable = false
        reason = 'another island was asked for'
      }
      explain.push({
        island,
        name: islands.nameOf(island),
        chosen: false,
        holds: holds.map((l) => l.id),
        confirmed,
        reason,
      })
      if (usable) order.push(island)
    }
    return { order: order.sort((a, b) => distance(a) - distance(b)), explain }
  }

  const distance = (island: string) => (island === islands.self ? -1 : (islands.rttMs(island) ?? 10_000))
  const reasonFor = (island: string) => {
    if (island === islands.self) return 'holds the data, and is here'
    const rtt = islands.rttMs(island)
    return rtt === undefined ? 'holds the data' : `holds the data, ${rtt} ms away`
  }

  async function attempt(island: string, request: RunRequest, signal: AbortSignal): Promise<TableResult> {
    if (island === islands.self) return (await provider.run(request, islands.self, signal)).result
    const peerId = await components.connect(island, signal)
    let columns: Column[] = []
    const rows: Cell[][] = []
    for await (const event of callSeries(network, peerId, runSpec, request, { signal })) {
      if (event.type === 'columns') columns = event.columns
      else if (event.type === 'rows') {
        for (const row of event.rows) rows.push(row)
        if (rows.length > MAX_ROWS) throw new ArchipelError('RESULT_LIMIT', `the result has more than ${MAX_ROWS} rows`)
      } else if (event.type === 'done') return { columns, rows, rowCount: event.rowCount, truncated: event.truncated }
    }
    throw new ArchipelError('PROTOCOL', 'the answer ended before the result was complete')
  }

  return {
    async sql(request, options = {}) {
      const started = performance.now()
      const signal = options.signal ?? new AbortController().signal
      const user = options.user ?? 'owner'
      const id = `task-${islands.self}-${Date.now().toString(36)}${randomBytes(6).toString('hex')}`
      const entry = { actor: `${user}@${islands.self}`, action: 'task:submit', subject: id }
      try {
        const on = request.on === undefined ? undefined : components.islandNamed(request.on)
        const { tables } = await components.analyser.analyse(request.sql, { signal })
        const located = await Promise.all(tables.map(async (table) => components.locate(table, options.signal)))
        const { order, explain } = candidates(located, on)
        if (order.length === 0) throw noHolder(located, explain, on)
        const datasets = tables.map((table, i) => ({
          table,
          id: located[i]!.id,
          publisher: located[i]!.publisher,
          version: located[i]!.version,
        }))
        let last: ArchipelError | undefined
        for (const [index, island] of order.entries()) {
          const mine = explain.find((e) => e.island === island)!
          try {
            const run: RunRequest = { task: id, attempt: index + 1, user, kind: 'sql', code: request.sql, datasets }
            if (request.timeoutMs !== undefined) run.timeoutMs = request.timeoutMs
            if (request.maxRows !== undefined) run.maxRows = request.maxRows
            const result = await attempt(island, run, signal)
            mine.chosen = true
            components.journal.write({ ...entry, outcome: 'ok' })
            return {
              id,
              state: 'succeeded',
              askedAt: {
                island: islands.self,
                name: islands.nameOf(islands.self),
                time: new Date(Date.now() - (performance.now() - started)).toISOString(),
              },
              ranAt: { island, name: islands.nameOf(island) },
              datasets: datasets.map(({ table, id: dataset, version }) => ({ table, id: dataset, version })),
              result,
              explain,
              elapsedMs: performance.now() - started,
            }
          } catch (cause) {
            const error = toArchipelError(cause)
            mine.reason = `was tried: ${error.message}`
            if (!TRY_ELSEWHERE.has(error.code) || signal.aborted) throw error
            last = error
          }
        }
        throw last ?? new ArchipelError('NO_HOLDER', 'no island ran the statement', { details: { explain } })
      } catch (cause) {
        const error = toArchipelError(cause)
        components.journal.write({ ...entry, outcome: 'failed', code: error.code })
        throw error
      }
    },
  }
}

function noHolder(located: Located[], explain: PlacementEntry[], on: string | undefined): ArchipelError {
  const stale = located.find((l) => l.holders.length > 0 && l.holders.every((h) => h.state === 'stale'))
  if (stale !== undefined)
    return new ArchipelError('STALE', `the source files of ${stale.id} changed after publishing`, {
      details: { explain },
    })
  const text =
    explain.length === 0 ? 'nobody is known to hold the data' : explain.map((e) => `${e.name}: ${e.reason}`).join('; ')
  const hint =
    on !== undefined
      ? 'The island that was asked for cannot run it; leave out --on to let any holder.'
      : located.length > 1
        ? 'A statement runs where all its datasets are: ask for each by itself, or bring them to one island.'
        : undefined
  return new ArchipelError('NO_HOLDER', `no island can run this now: ${text}`, {
    details: { explain },
    ...(hint === undefined ? {} : { hint }),
  })
}
