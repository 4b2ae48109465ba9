/** What an island shows to people and programs: assembled answers, never signed and never stored. */
import type { Column, DatasetBody, Loss, ReplicaBody } from './dataset.ts'
import type { Card, Liveness, Load } from './island.ts'
import type { Cell, PlacementEntry, TableResult, TaskState } from './task.ts'
import type { TaskSummary } from './task-views.ts'

export type * from './livy-views.ts'
export type * from './publish-views.ts'
export type * from './session-views.ts'
export type * from './task-views.ts'
export type * from './token-views.ts'
export type * from './transfer.ts'

export interface Finding {
  /** Stable word, e.g. `NO_PEERS`, `NOT_REACHABLE`, `CLOCK_SKEW`, `ENGINE_DOWN`, `NO_SANDBOX`, `DISK_NEARLY_FULL`, `FORKED`, `RECOVERING`. */
  code: string
  severity: 'ok' | 'warning' | 'error'
  /** What is wrong, in words. */
  message: string
  /** What to do about it. */
  remedy: string
}

export interface IslandStatus {
  id: string
  name: string
  peerId: string
  archipelago: { id: string; name: string }
  software: string
  startedAt: string
  /** Multiaddrs it listens on and those it announces. */
  listening: string[]
  announced: string[]
  reachable: boolean | 'unknown'
  web: string
  peers: { connected: number; relayed: number; members: number }
  /** What it carries of connections between others, and how much of each; absent when it carries none. */
  relay?: { islands: number; connectionBytes: number; connectionMs: number } | undefined
  /** `digest` is equal at two islands exactly when they hold the same records. */
  catalog: {
    records: number
    origins: number
    datasets: number
    epoch: number
    seq: number
    digest: string
    quarantined: string[]
  }
  engines: { kind: string; state: 'ready' | 'down'; sandbox: boolean; languages: string[]; version: string }[]
  disk: { freeBytes: number; totalBytes: number }
  memoryBytes: number
  roles: { admin: boolean; mayInvite: boolean }
  findings: Finding[]
}

export interface IslandView {
  id: string
  /** Missing while only the membership of the island is known. */
  card: Card | undefined
  name: string
  self: boolean
  liveness: Liveness
  connected: 'direct' | 'relayed' | 'no'
  /** Milliseconds, last ping; undefined when not connected. */
  rttMs: number | undefined
  load: Load | undefined
  /** ISO instant of the last heartbeat. */
  lastSeen: string | undefined
  datasets: number
  member: { since: string; invitedBy: string | undefined; mayInvite: boolean }
  quarantined: boolean
}

/** This one first, then by name. */
export interface IslandPage {
  items: IslandView[]
  total: number
  next?: string
}

export interface DatasetFilter {
  /** Free text over title, description, keywords, creators, column names, id. */
  text?: string
  keyword?: string[]
  /** Island id or name of publisher or holder. */
  island?: string
  format?: string
  minSize?: number
  maxSize?: number
  /** Degrees, ICRS: datasets whose coverage meets the cone. */
  cone?: { ra: number; dec: number; radius: number }
  limit?: number
  /** Opaque; from `next` of the page before. */
  cursor?: string
}

export interface Holder {
  island: string
  name: string
  state: ReplicaBody['state']
  version: string
}

export interface DatasetView {
  id: string
  /** Island id and name of who publishes this claim. */
  publisher: { id: string; name: string }
  body: DatasetBody
  holders: Holder[]
  lost?: Loss
  /** ISO instant of the record. */
  recordedAt: string
}

export interface DatasetPage {
  items: DatasetView[]
  total: number
  next?: string
}

/** A file of a dataset, as it was published. */
export interface FileView {
  /** Inside the dataset, `/`-separated. */
  path: string
  bytes: number
  /** Guessed from the name. */
  mediaType: string
  /** SHA-256 of the SHA-256 of its pieces, hex; see `manifest/`. */
  pieces: string
  /** Of the whole file, hex, where the publisher states it. */
  sha256?: string
}

export interface FilePage {
  items: FileView[]
  total: number
  /** Of the dataset. */
  version: string
  next?: string
}

/** The first rows of a dataset. */
export interface Preview {
  id: string
  publisher: { id: string; name: string }
  version: string
  columns: Column[]
  /** Long cells are cut, and end in `…` then. */
  rows: Cell[][]
  /** There are more. */
  truncated: boolean
  ranAt?: { island: string; name: string }
  /** The task that read them, where one was needed. */
  task?: string
}

export interface Resolution {
  /** Normalised id asked for, and the ids it leads to through aliases (the fixpoint, asked id included). */
  id: string
  aliases: string[]
  holders: {
    island: string
    name: string
    publisher: string
    version: string
    state: ReplicaBody['state']
    via: ('catalog' | 'dht')[]
    /** ISO instant of the newest evidence. */
    freshness: string
    /** The holder itself was asked just now and said yes. */
    confirmed: boolean
    /** Why not, where it was not. */
    reason?: string
  }[]
  lost?: Loss
  elapsedMs: number
}

export interface ResolveRequest {
  ref: string
  /** Which paths may be used; default both. */
  via?: 'catalog' | 'dht' | 'both'
  /** Ask the holders themselves; default true. */
  confirm?: boolean
  version?: string // Holders of it only; its beginning is enough.
}

export interface SqlRequest {
  sql: string
  /** Island id or name that has to run it. */
  on?: string
  /** Milliseconds; the island's limit when absent. */
  timeoutMs?: number
  maxRows?: number
  /** Of one user: the same key is the same task, which then goes on when its asker leaves. */
  idempotencyKey?: string
}

export interface TaskResult {
  id: string
  state: TaskState
  askedAt: { island: string; name: string; time: string }
  ranAt: { island: string; name: string } | undefined
  datasets: { table: string; id: string; version: string }[]
  result: TableResult
  explain: PlacementEntry[]
  elapsedMs: number
}

export interface LogPage {
  /** UTF-8. */
  text: string
  offset: number
  /** The offset to ask for next. */
  next: number
  /** Bytes so far. */
  total: number
  /** Nothing more will come. */
  ended: boolean
}

export interface RowsPage extends TableResult {
  from: number
  /** Of the whole table. */
  total: number
}

/** The choice of an island for a task, and why. */
export interface PlacementView {
  /** Islands that can run it now, cheapest first. */
  order: { island: string; seconds: number }[]
  /** Every island considered, cheapest first, the excluded ones last. */
  explain: PlacementEntry[]
}

/** A table in a format that other programs read. */
export interface TableExport {
  mediaType: string
  /** With its ending. */
  fileName: string
  body: AsyncIterable<Uint8Array>
}

export interface Invitation {
  ticket: string
  id: string
  expires: string
  mayInvite: boolean
}

export type IslandEvent =
  | { type: 'dataset:changed'; time: string; id: string; publisher: { id: string; name: string }; dataset: DatasetView }
  | { type: 'dataset:withdrawn'; time: string; id: string; publisher: { id: string; name: string } }
  | { type: 'island:changed'; time: string; island: IslandView }
  | { type: 'member:joined' | 'member:revoked' | 'member:left'; time: string; id: string; name: string }
  | { type: 'log:forked'; time: string; id: string }
  /** A task of this island was accepted, got another state, or another island. */
  | { type: 'task:changed'; time: string; task: TaskSummary }

export interface JournalEntry {
  time: string
  /** Who: user and island. */
  actor: string
  action: string
  subject: string
  outcome: 'ok' | 'refused' | 'failed'
  code?: string
}

/** Newest first. */
export interface JournalPage {
  items: JournalEntry[]
  next?: string
}

export interface ConfigView {
  /** By their paths, e.g. `web.port`; of a secret only that there is one. */
  settings: Record<string, { value?: unknown; source: string }>
}
