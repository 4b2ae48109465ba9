import type { Logger } from 'pino'
import type { LivyVersion } from '../../../protocols/livy/objects.ts'
import type { LivyEntryView } from '../../../protocols/model/livy-views.ts'
import type { Attached, Line, OnChange } from '../calls.ts'
import { livyBatches } from './batches.ts'
import { type Book, book } from './book.ts'
import type { Entry } from './entry.ts'
import { outputs } from './outputs.ts'
import { type Peers, peers } from './peers.ts'
import type { EntryStore } from './records.ts'
import { type RoutingComponents, routing } from './routing.ts'
import { livySessions } from './sessions.ts'
import { viewOf } from './views.ts'

export interface RequesterInit {
  self: string
  /** Milliseconds that a request for something unfinished is held. */
  holdMs: number
  /** Milliseconds without a way to an island after which its sessions count as dead; its batches. */
  lostMs: number
  batchLostMs: number
  /** Milliseconds that what has ended stays. */
  keptMs: number
  /** Milliseconds between two looks at heartbeats and ended entries. */
  sweepMs: number
  maxEntries: number
  /** For outputs above `spoolBytes`. */
  outputDir: string
  spoolBytes: number
  software: string
}

export interface RequesterComponents {
  store: EntryStore
  routing: RoutingComponents
  /** A line to any island, this one among them. @throws UNREACHABLE, NOT_A_MEMBER */
  open(island: string, onChange: OnChange, options: { signal: AbortSignal }): Promise<Line>
  logger: Logger
  now?: () => number
}

export interface Requester {
  start(): Promise<void>
  stop(): void
  version(): Promise<LivyVersion>
  readonly sessions: ReturnType<typeof livySessions>
  readonly batches: ReturnType<typeof livyBatches>
  /** All entries with where they are and why, newest first. */
  views(): LivyEntryView[]
  /** An island can be reached again. */
  nudge(island: string): void
}

/** The endpoint's side of the gateway. */
export function requester(init: RequesterInit, components: RequesterComponents): Requester {
  const { logger } = components
  const now = components.now ?? Date.now
  const { nameOf } = components.routing
  const kept = outputs({ dir: init.outputDir, spoolBytes: init.spoolBytes })
  let timer: NodeJS.Timeout | undefined

  const ways: Peers = peers({
    self: init.self,
    open: components.open,
    attach,
    onChange: (key, change) => {
      const entry = all.byKey(key)
      if (entry === undefined) return
      // What was not known after a restart is known now.
      entry.take(change)
      if (change.type !== 'statement' && entry.behind && !entry.over) catchUp(entry)
    },
    wanted: (island) => all.owes(island) || all.at(island).some((entry) => !entry.over || entry.creating),
    nameOf,
    now,
    logger,
  })
  const all: Book = book(init, {
    store: components.store,
    outputs: kept,
    routing: routing(components.routing),
    peers: ways,
    nameOf,
    now,
    logger,
  })

  async function attach(island: string, line: Line): Promise<void> {
    const owed = all.owes(island)
    const mine = all.at(island)
    const before = new Map(mine.map((entry) => [entry.record.key, entry.told]))
    const states = await line.attach(mine.map(({ record: { key, type } }) => ({ key, type })))
    await Promise.all(states.map((state) => learn(state, line, before.get(state.key))))
    if (owed) await all.told(island)
  }

  async function learn(state: Attached, line: Line, told: number | undefined): Promise<void> {
    const entry = all.byKey(state.key)
    if (entry === undefined || entry.creating) return
    const { record } = entry
    if (state.state === 'lost') {
      // Its client never heard of it.
      if (record.made === undefined) await all.remove(entry)
      else entry.end('dead', `lost at ${nameOf(record.island)}: ${state.why ?? 'it is not there any more'}`)
      return
    }
    record.made ??= now()
    if (entry.told === told) {
      if (state.session !== undefined) entry.take({ type: 'session', session: state.session })
      if (state.batch !== undefined) entry.take({ type: 'batch', batch: state.batch })
    }
    if (state.state === 'there') await taken(entry, line)
    else entry.behind = true
  }

  function catchUp(entry: Entry): void {
    entry.behind = false
    void taken(entry).catch((error: unknown) => {
      entry.behind = true
      logger.debug({ err: error }, 'the statements of a session could not be asked for yet')
    })
  }

  /** Its statements, where it may have some that are not known. */
  async function taken(entry: Entry, line?: Line): Promise<void> {
    const { record } = entry
    if (record.type === 'session' && !entry.over && entry.state !== 'starting') {
      const list = (way: Line) => way.statements(record.key)
      const found = await (line === undefined
        ? ways.ask(record.island, list, { waitMs: 10_000, repeat: true })
        : list(line))
      for (const statement of found) await entry.learn(statement)
    }
    entry.next ??= 0
    entry.attached = true
    entry.changes.fire()
  }

  /** What is over for long goes; who sent no heartbeat loses the session; what cannot be reached for long is lost. */
  function sweep(): void {
    const time = now()
    const lost = (entry: Entry) =>
      `${nameOf(entry.record.island)} could not be reached: what ran there is lost to this island`
    for (const entry of [...all.all('session'), ...all.all('batch')] as Entry[]) {
      const { record } = entry
      if (record.ended !== undefined) {
        if (record.ended + init.keptMs <= time) removed(entry)
        continue
      }
      const beat = record.type === 'session' ? (record.request.heartbeatTimeoutInSecond ?? 0) : 0
      if (beat > 0 && entry.used + beat * 1000 <= time) {
        logger.info({ id: record.id }, 'a session is deleted: its client sent no heartbeat')
        removed(entry)
        continue
      }
      ways.want(record.island)
      const since = ways.downSince(record.island)
      const limit = record.type === 'session' ? init.lostMs : init.batchLostMs
      if (since !== undefined && since + limit <= time && record.island !== init.self) all.giveUp(entry, lost(entry))
    }
    ways.tidy()
  }

  const removed = (entry: Entry) =>
    void all.remove(entry).catch((error: unknown) => logger.error({ err: error }, 'an entry could not be removed'))

  const parts = { book: all, peers: ways, outputs: kept, nameOf, now }
  return {
    async start() {
      for (const island of await all.load()) ways.want(island)
      timer = setInterval(sweep, init.sweepMs)
      timer.unref()
    },
    stop() {
      clearInterval(timer)
      ways.stop()
    },
    version: async () => ({
      version: '0.9.0-incubating',
      user: 'archipel',
      revision: init.software,
      branch: '',
      date: '',
      url: '',
    }),
    sessions: livySessions(init, parts),
    batches: livyBatches(init, parts),
    views: () =>
      [...all.all('session'), ...all.all('batch')]
        .map((entry) => viewOf(entry as Entry, nameOf))
        .sort((a, b) => b.created.localeCompare(a.created)),
    nudge: (island) => ways.nudge(island),
  }
}
