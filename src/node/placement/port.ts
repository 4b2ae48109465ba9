import type { EngineName } from '../../protocols/model/spark.ts'
import type { BoundRef, PlacementEntry, TaskKind } from '../../protocols/model/task.ts'
import type { LocatedHolder } from '../resolve/port.ts'

/** A dataset of a task with who holds it, as the resolver found it. */
export interface PlacementData extends BoundRef {
  /** Of the version, all files. */
  bytes: number
  holders: LocatedHolder[]
}

export interface PlacementRequest {
  user: string
  kind: TaskKind
  /** See `wantedEngine` for what its absence means. */
  engine?: EngineName
  datasets: PlacementData[]
  /** Island id: only this one. */
  on?: string
  /** Islands that had an attempt already, with what became of it. */
  excluded?: { island: string; reason: string }[]
  /** Every one has to be among an island's labels. */
  labels?: string[]
  resources?: { memoryBytes?: number }
  /** Bytes of the code and parameters, to be sent. */
  codeBytes: number
}

export interface Placement {
  /** Islands that can run it now, cheapest first; each confirmed, unless `confirm` was false. When all were tried: place again with these `excluded`. */
  order: { island: string; seconds: number }[]
  /** Every island considered: the chosen one, then the cheapest first, the excluded ones last. */
  explain: PlacementEntry[]
}

export interface PlacementPort {
  /**
   * Chooses. With `confirm` the best few are asked whether they would take it, from their own truth.
   * @throws NO_HOLDER, LANGUAGE_MISSING, FORBIDDEN, STALE, or what else all holders refuse with; `details.explain` has the entries
   */
  place(request: PlacementRequest, options: { confirm: boolean; signal: AbortSignal }): Promise<Placement>
}

/** What was measured of the way to other islands. */
export interface LinkObserver {
  /** `bytes` came from or went to the island within `ms`. Small amounts count for nothing: their time is the round trip. */
  observe(island: string, bytes: number, ms: number): void
}

/** What was measured of the work done here. */
export interface QueueObserver {
  /**
   * A piece of work waited and ran here, in milliseconds. `ahead`: pieces that had to end before it could begin, when it
   * came (running + waiting + 1 - slots, at least 0). `startMs`: what the engine needed until it was ready, a part of `ranMs`.
   * `engine`: whose queue it was, of the built-in one when absent.
   */
  observe(
    kind: TaskKind,
    waitedMs: number,
    ranMs: number,
    more?: { ahead?: number; startMs?: number; engine?: EngineName },
  ): void
}

/** What was measured of results that came back. */
export interface ResultObserver {
  /** A task over these datasets (ids) ended with a result of so many bytes. */
  observe(kind: TaskKind, datasets: string[], bytes: number): void
}

/** The work at this island just now, from its queue. */
export interface LocalLoad {
  running: number
  waiting: number
  /** Pieces that may run at once. */
  slots: number
  /** Pieces that may wait at most; more are refused. Default: any number. */
  maxWaiting?: number
  /** Milliseconds since those that run now began. */
  runningMs?: number[]
}
