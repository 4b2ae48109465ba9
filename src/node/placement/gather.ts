import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Card, Liveness, Load } from '../../protocols/model/island.ts'
import { type EngineName, wantedEngine } from '../../protocols/model/spark.ts'
import type { TaskKind } from '../../protocols/model/task.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { LocatedHolder } from '../resolve/port.ts'
import type { Facts, MissingData } from './facts.ts'
import type { LinkEstimate } from './links.ts'
import type { LocalLoad, PlacementData, PlacementRequest } from './port.ts'
import type { WaitEstimate } from './queue-history.ts'
import type { ResultEstimate } from './result-history.ts'
import { plural, secondsText } from './words.ts'

export interface KnownQueue {
  load(): LocalLoad
  wait(load: LocalLoad): WaitEstimate
  startMs(kind: TaskKind): number | undefined
  runMs(kind?: TaskKind): number | undefined
}

/** What is known here without asking anybody. */
export interface Knowledge {
  self: string
  nameOf(island: string): string
  isMember(island: string): boolean
  /** Ids of all members, this island among them. */
  members(): string[]
  liveness(island: string): Liveness
  /** Undefined while it is not known. */
  card(island: string): Pick<Card, 'engines' | 'labels'> | undefined
  /** From the last heartbeat. */
  load(island: string): Load | undefined
  links: { of(island: string): LinkEstimate }
  results: { of(kind: TaskKind, datasets: string[]): ResultEstimate }
  /** This island's own queues, one for each engine, with their histories. */
  queue: Record<EngineName, KnownQueue>
  policy: PolicyPort
}

/** A piece of work at an older island runs so long, while nothing was measured here either. */
const UNKNOWN_RUN_MS = 1_000

/** Facts of every member, and of every island that is said to hold something. */
export function gather(request: PlacementRequest, known: Knowledge): Facts[] {
  const holders = request.datasets.map((d) => new Map(d.holders.map((h) => [h.island, h])))
  const islands = new Set([...known.members(), known.self, ...holders.flatMap((map) => [...map.keys()])])
  if (request.on !== undefined) islands.add(request.on)
  const ids = request.datasets.map((d) => d.id)
  const shared = {
    request,
    holders,
    result: known.results.of(request.kind, ids),
    tried: new Map(request.excluded?.map((e) => [e.island, e.reason])),
    sources: request.datasets.map((d) => sourcesOf(d, known)),
    forbidden: forbiddenHere(request, known),
    startMs: known.queue[wantedEngine(request)].startMs(request.kind),
  }
  return [...islands].sort().map((island) => factsOf(island, known, shared))
}

/** Where a dataset could come from. */
interface Source {
  island: string
  bytesPerSecond: number
}

interface Shared {
  request: PlacementRequest
  holders: Map<string, LocatedHolder>[]
  result: ResultEstimate
  tried: Map<string, string>
  sources: Source[][]
  forbidden: string | undefined
  /** Of an engine start here: what others need is known when they are asked. */
  startMs: number | undefined
}

function factsOf(island: string, known: Knowledge, shared: Shared): Facts {
  const { request, holders, result } = shared
  const self = island === known.self
  const card = known.card(island)
  const facts: Facts = {
    island,
    name: known.nameOf(island),
    self,
    member: known.isMember(island),
    liveness: self ? 'live' : known.liveness(island),
    heard: holders.some((map) => map.get(island)?.confirmed === true),
    kind: request.kind,
    wantedEngine: wantedEngine(request),
    labels: card?.labels ?? [],
    wantedLabels: request.labels ?? [],
    holds: [],
    missing: [],
    link: known.links.of(island),
    queue: waitAt(island, known, wantedEngine(request)),
    result,
    codeBytes: request.codeBytes,
  }
  for (const [i, dataset] of request.datasets.entries()) {
    const holder = holders[i]!.get(island)
    if (holder !== undefined && usable(holder, dataset)) facts.holds.push(dataset.id)
    else facts.missing.push(missingOf(island, dataset, holder, shared.sources[i]!, known))
  }
  if (request.on !== undefined && request.on !== island) facts.other = known.nameOf(request.on)
  const tried = shared.tried.get(island)
  if (tried !== undefined) facts.tried = tried
  if (card !== undefined) {
    const able = card.engines.filter((e) => e.kind === facts.wantedEngine)
    facts.languages = [...new Set(able.flatMap((e) => e.languages))]
    const limits = able.filter((e) => e.languages.includes(request.kind)).map((e) => e.memoryBytes)
    if (limits.length > 0 && !limits.includes(undefined)) facts.memoryBytes = Math.max(...(limits as number[]))
  }
  const wanted = request.resources?.memoryBytes
  if (wanted !== undefined) facts.wantedMemoryBytes = wanted
  if (self && shared.forbidden !== undefined) facts.forbidden = shared.forbidden
  if (shared.startMs !== undefined) facts.engine = { startMs: shared.startMs, measured: 'here' }
  return facts
}

function usable(holder: LocatedHolder, dataset: PlacementData): boolean {
  return (
    holder.state === 'available' &&
    holder.version === dataset.version &&
    (holder.confirmed || holder.reason === undefined)
  )
}

function missingOf(
  island: string,
  dataset: PlacementData,
  holder: LocatedHolder | undefined,
  sources: Source[],
  known: Knowledge,
): MissingData {
  const missing: MissingData = { id: dataset.id, bytes: dataset.bytes, stale: false }
  if (holder !== undefined) {
    const other = holder.version !== dataset.version
    missing.stale = other || holder.state === 'stale'
    missing.why = holder.reason ?? (other ? 'it holds another version' : `its replica is ${holder.state}`)
  }
  const source = sources.find((s) => s.island !== island)
  if (source === undefined) return missing
  missing.from = known.nameOf(source.island)
  // Only the ways that lead here were measured: between two others the slower of both stands in.
  missing.bytesPerSecond = Math.min(source.bytesPerSecond, rateOf(island, known))
  return missing
}

/** The fastest first. */
function sourcesOf(dataset: PlacementData, known: Knowledge): Source[] {
  return dataset.holders
    .filter((h) => usable(h, dataset))
    .map(({ island }) => ({ island, bytesPerSecond: rateOf(island, known) }))
    .sort((a, b) => b.bytesPerSecond - a.bytesPerSecond || (a.island < b.island ? -1 : 1))
}

const rateOf = (island: string, known: Knowledge) =>
  island === known.self ? Number.POSITIVE_INFINITY : known.links.of(island).bytesPerSecond

function forbiddenHere(request: PlacementRequest, known: Knowledge): string | undefined {
  try {
    known.policy.check({
      island: known.self,
      user: request.user,
      action: 'task:run',
      kind: request.kind,
      ...(request.engine === undefined ? {} : { engine: request.engine }),
      datasets: request.datasets.map((d) => d.id),
    })
    return undefined
  } catch (error) {
    if (error instanceof ArchipelError) return error.message
    throw error
  }
}

function waitAt(island: string, known: Knowledge, engine: EngineName): WaitEstimate {
  if (island === known.self) return known.queue[engine].wait(known.queue[engine].load())
  // Heartbeats tell of the built-in engine.
  if (engine === 'livy') return { waitMs: 0, reason: 'nothing heard of its Spark yet' }
  return waitElsewhere(known.load(island), known)
}

/** By its last heartbeat: its own estimate, or, of an older island, the work that waits there by what work takes here. */
function waitElsewhere(load: Load | undefined, known: Knowledge): WaitEstimate {
  if (load === undefined) return { waitMs: 0, reason: 'nothing heard of its queue yet' }
  const heard = `${load.running} running, ${load.waiting} waiting by its last heartbeat`
  if (load.queueWaitMs !== undefined) return { waitMs: load.queueWaitMs, reason: heard }
  if (load.waiting === 0) return { waitMs: 0, reason: heard }
  const each = known.queue.embedded.runMs() ?? UNKNOWN_RUN_MS
  const waitMs = (load.waiting * each) / Math.max(1, load.running)
  return { waitMs, reason: `${heard}; ${plural(load.waiting, 'piece')} of ${secondsText(each / 1000)} as here` }
}
