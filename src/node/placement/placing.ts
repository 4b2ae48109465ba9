import type { Logger } from 'pino'
import type { EngineName } from '../../protocols/model/spark.ts'
import type { StreamOpener } from '../../protocols/wire/client.ts'
import type { StreamAcceptor } from '../../protocols/wire/server.ts'
import { asking } from './asking.ts'
import { confirmDesk, type DeskComponents } from './desk.ts'
import type { Knowledge } from './gather.ts'
import type { MeasureStore } from './kept.ts'
import { type Links, links } from './links.ts'
import { placement } from './placement.ts'
import type { LinkObserver, LocalLoad, PlacementPort, QueueObserver, ResultObserver } from './port.ts'
import { queueHistory } from './queue-history.ts'
import { resultHistory } from './result-history.ts'

export interface PlacingComponents
  extends Pick<DeskComponents, 'policy' | 'journal' | 'engine' | 'holdings'>,
    Pick<Knowledge, 'self' | 'nameOf' | 'isMember' | 'members' | 'liveness' | 'card' | 'load'> {
  network: StreamOpener & StreamAcceptor
  /** @returns its peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  /** The work at an engine of this island just now. */
  localLoad(engine: EngineName): LocalLoad
  /** Keys begin with `placement:`. */
  store: MeasureStore
  logger: Logger
}

export interface Placing extends PlacementPort {
  links: LinkObserver & Pick<Links, 'heard' | 'of'>
  queue: QueueObserver
  results: ResultObserver
  /** For the heartbeats of this island: its queue, and how long it would let new work wait. */
  work(): { running: number; waiting: number; slots: number; queueWaitMs: number }
  /** Reads what was measured before and serves the protocols. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Placement with all its parts: the asking and the serving side, and the measurements of this island. */
export function placing(components: PlacingComponents): Placing {
  const { self, network, connect, localLoad, store, logger, policy } = components
  const files = {
    store,
    onError: (error: unknown) => logger.warn({ err: error }, 'measurements could not be read or written'),
  }
  const wire = asking({ network, connect })
  const line = links({ ...files, probe: wire.probe })
  const history = { embedded: queueHistory(files), livy: queueHistory({ ...files, of: 'livy' }) }
  const results = resultHistory(files)
  const { journal, engine, holdings } = components
  const desk = confirmDesk({ self, network, policy, journal, engine, holdings, load: localLoad, history })
  const known = (engine: EngineName) => ({ ...history[engine], load: () => localLoad(engine) })
  const { nameOf, isMember, members, liveness, card, load } = components
  const port = placement({
    self,
    nameOf,
    isMember,
    members,
    liveness,
    card,
    load,
    policy,
    results,
    links: line,
    queue: { embedded: known('embedded'), livy: known('livy') },
    answer: desk.answer,
    ask: (island, request, { signal }) =>
      wire.ask(island, request, { signal, heard: (rttMs) => line.heard(island, rttMs) }),
  })

  return {
    place: port.place,
    links: line,
    queue: {
      observe: (kind, waitedMs, ranMs, more) =>
        history[more?.engine ?? 'embedded'].observe(kind, waitedMs, ranMs, more),
    },
    results,
    work() {
      const now = localLoad('embedded')
      const { running, waiting, slots } = now
      return { running, waiting, slots, queueWaitMs: history.embedded.wait(now).waitMs }
    },
    async start() {
      await Promise.all([line.start(), history.embedded.start(), history.livy.start(), results.start()])
      await desk.start()
    },
    async stop() {
      desk.stop()
      await Promise.all([line.stop(), history.embedded.stop(), history.livy.stop(), results.stop()])
    },
  }
}
