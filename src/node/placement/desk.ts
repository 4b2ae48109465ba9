import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { type EngineName, wantedEngine } from '../../protocols/model/spark.ts'
import { type ConfirmAnswer, type ConfirmRequest, confirmSpec, probeSpec } from '../../protocols/placement/messages.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'
import { type StreamAcceptor, serve } from '../../protocols/wire/server.ts'
import type { EnginePort } from '../engines/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { LocalLoad } from './port.ts'
import { probeItems } from './probe.ts'
import type { QueueHistory } from './queue-history.ts'
import { bytesText } from './words.ts'

export interface DeskComponents {
  self: string
  network: StreamAcceptor
  policy: PolicyPort
  journal: JournalPort
  engine: Pick<EnginePort, 'engines'>
  /** What this island holds of these ids; the files are looked at now. */
  holdings(ids: string[]): Promise<Holding[]>
  /** Each engine has a queue of its own. */
  load(engine: EngineName): LocalLoad
  history: Record<EngineName, Pick<QueueHistory, 'wait' | 'startMs'>>
}

export interface DeskPort {
  /** Serves `task-confirm` and `link-probe`. */
  start(): Promise<void>
  stop(): void
  /** Whether this island would take the work of `island` now. Never a refusal by exception. */
  answer(request: ConfirmRequest, island: string): Promise<ConfirmAnswer>
}

type Holds = ConfirmAnswer['holds']

/** The serving side of placement: what this island says when it is asked whether it would take some work. */
export function confirmDesk(components: DeskComponents): DeskPort {
  const { self, policy, engine, load, history } = components
  const stopping = new AbortController()

  function checkPolicy({ user, kind, engine: wanted, datasets }: ConfirmRequest, island: string): void {
    try {
      policy.check({
        island,
        user,
        action: 'task:run',
        kind,
        ...(wanted === undefined ? {} : { engine: wanted }),
        datasets: datasets.map((d) => d.id),
      })
    } catch (cause) {
      const { code } = toArchipelError(cause)
      const subject = [kind, ...datasets.map((d) => d.id)].join(' ')
      components.journal.write({
        actor: `${user}@${island}`,
        action: 'task:confirm',
        subject,
        outcome: 'refused',
        code,
      })
      throw cause
    }
  }

  function checkEngine(request: ConfirmRequest, island: string): void {
    const { kind, memoryBytes } = request
    const spark = wantedEngine(request) === 'livy'
    const found = engine.engines().find(({ info }) => (info.kind === 'livy') === spark)
    if (found === undefined) throw new ArchipelError('LANGUAGE_MISSING', spark ? 'it has no Spark' : 'it has no engine')
    const { info, status } = found
    if (status.state !== 'ready')
      throw new ArchipelError('ENGINE_DOWN', spark ? 'its Spark is down' : 'its engine is down')
    if (!info.languages.includes(kind)) throw new ArchipelError('LANGUAGE_MISSING', `it does not run ${kind}`)
    if (!spark && kind !== 'sql' && island !== self && !status.sandbox)
      throw new ArchipelError('NO_SANDBOX', `it has no sandbox to run forwarded ${kind} in`)
    const limit = info.memoryBytes
    if (memoryBytes !== undefined && limit !== undefined && memoryBytes > limit)
      throw new ArchipelError(
        'MEMORY_LIMIT',
        `it allows ${bytesText(limit)} of memory, ${bytesText(memoryBytes)} are wanted`,
      )
  }

  async function look(datasets: ConfirmRequest['datasets']): Promise<Holds> {
    if (datasets.length === 0) return []
    const found = await components.holdings(datasets.map((d) => d.id))
    const holds: Holds = []
    for (const { id, publisher, version } of datasets) {
      const same = found.filter((h) => h.id === id || h.aliases.includes(id))
      // A version is its content: whoever published it, it is the same data.
      const holding = same.find((h) => h.version === version) ?? same[0]
      if (holding !== undefined) holds.push({ id, publisher, version: holding.version, state: holding.state })
    }
    return holds
  }

  function checkData(datasets: ConfirmRequest['datasets'], holds: Holds): void {
    for (const { id, publisher, version } of datasets) {
      const holding = holds.find((h) => h.id === id && h.publisher === publisher)
      if (holding === undefined) throw new ArchipelError('DATASET_NOT_FOUND', `it does not hold ${id}`)
      if (holding.version !== version) throw new ArchipelError('STALE', `it holds another version of ${id}`)
      if (holding.state === 'stale')
        throw new ArchipelError('STALE', `the source files of ${id} changed after publishing`)
      if (holding.state !== 'available')
        throw new ArchipelError('DATASET_NOT_FOUND', `its replica of ${id} is ${holding.state}`)
    }
  }

  async function answer(request: ConfirmRequest, island: string): Promise<ConfirmAnswer> {
    const started = performance.now()
    const wanted = wantedEngine(request)
    let holds: Holds = []
    let refusal: ArchipelError | undefined
    try {
      checkPolicy(request, island)
      checkEngine(request, island)
      holds = await look(request.datasets)
      checkData(request.datasets, holds)
      const { waiting, maxWaiting } = load(wanted)
      if (maxWaiting !== undefined && waiting >= maxWaiting)
        throw new ArchipelError('TOO_MANY', `its queue is full: ${waiting} wait`)
    } catch (cause) {
      refusal = toArchipelError(cause)
    }
    const { running, waiting, slots, ...more } = load(wanted)
    const wait = history[wanted].wait({ running, waiting, slots, ...more })
    const startMs = history[wanted].startMs(request.kind)
    return {
      accepts: refusal === undefined,
      reason: (refusal?.message ?? wait.reason).slice(0, 2000),
      ...(refusal === undefined ? {} : { code: refusal.code }),
      running,
      waiting,
      slots,
      queueWaitMs: wait.waitMs,
      ...(startMs === undefined ? {} : { startMs }),
      tookMs: performance.now() - started,
      holds,
    }
  }

  return {
    async start() {
      const options = { stopping: stopping.signal }
      await serve(
        components.network,
        confirmSpec,
        (request, { remote }) => answer(request, remote.island ?? ''),
        options,
      )
      await serve(components.network, probeSpec, ({ bytes }) => probeItems(bytes), options)
    },
    stop() {
      stopping.abort()
    },
    answer,
  }
}
