/**
 * The answers of the web service as zod schemas: `protocols/model/views.ts` seen through JSON, where a field
 * that is `undefined` is a field that is absent. `wire<T>()` keeps the two from drifting apart.
 */

import { z } from 'zod'
import { actionBody, actionUse } from '../../protocols/model/action.ts'
import { column, datasetBody, loss, replicaState } from '../../protocols/model/dataset.ts'
import { ERRORS, type ErrorCode, type ErrorInfo } from '../../protocols/model/errors.ts'
import { card, liveness, load } from '../../protocols/model/island.ts'
import { named } from '../../protocols/model/parts.ts'
import { batchWork, engineName, mainFile, sparkResources } from '../../protocols/model/spark.ts'
import {
  attemptState,
  boundRef,
  type Cell,
  paramValue,
  placementEntry,
  resultMeta,
  sessionState,
  statementState,
  type TableResult,
  taskKind,
  taskState,
} from '../../protocols/model/task.ts'
import type * as V from '../../protocols/model/views.ts'
import { scope } from './scopes.ts'

/** `T` after `JSON.parse(JSON.stringify(t))`. */
export type Wire<T> = T extends (infer U)[]
  ? Wire<U>[]
  : T extends object
    ? { [K in keyof T as undefined extends T[K] ? never : K]: Wire<T[K]> } & {
        [K in keyof T as undefined extends T[K] ? K : never]?: Wire<Exclude<T[K], undefined>>
      }
    : T

/** Type check only: the schema has the fields of `T`, no more and no fewer, with types that fit both ways. */
function wire<T>() {
  return <S extends z.ZodType<Wire<T>>>(schema: keyof T extends keyof z.output<S> ? S : never): S => schema
}

const instant = z.string().meta({ format: 'date-time' })
const count = z.number().int().nonnegative()

export const finding = wire<V.Finding>()(
  z.object({ code: z.string(), severity: z.enum(['ok', 'warning', 'error']), message: z.string(), remedy: z.string() }),
)

export const islandStatus = wire<V.IslandStatus>()(
  z.object({
    id: z.string(),
    name: z.string(),
    peerId: z.string(),
    archipelago: named,
    software: z.string(),
    startedAt: instant,
    listening: z.array(z.string()),
    announced: z.array(z.string()),
    reachable: z.union([z.boolean(), z.literal('unknown')]),
    web: z.string(),
    peers: z.object({ connected: count, relayed: count, members: count }),
    relay: z.object({ islands: count, connectionBytes: count, connectionMs: count }).optional(),
    catalog: z.object({
      records: count,
      origins: count,
      datasets: count,
      epoch: count,
      seq: count,
      digest: z.string(),
      quarantined: z.array(z.string()),
    }),
    engines: z.array(
      z.object({
        kind: z.string(),
        state: z.enum(['ready', 'down']),
        sandbox: z.boolean(),
        languages: z.array(z.string()),
        version: z.string(),
      }),
    ),
    disk: z.object({ freeBytes: z.number(), totalBytes: z.number() }),
    memoryBytes: z.number(),
    roles: z.object({ admin: z.boolean(), mayInvite: z.boolean() }),
    findings: z.array(finding),
  }),
)

export const islandView = wire<V.IslandView>()(
  z.object({
    id: z.string(),
    card: card.optional(),
    name: z.string(),
    self: z.boolean(),
    liveness,
    connected: z.enum(['direct', 'relayed', 'no']),
    rttMs: z.number().optional(),
    load: load.optional(),
    lastSeen: instant.optional(),
    datasets: count,
    member: z.object({ since: instant, invitedBy: z.string().optional(), mayInvite: z.boolean() }),
    quarantined: z.boolean(),
  }),
)

export const islandPage = wire<V.IslandPage>()(
  z.object({ items: z.array(islandView), total: count, next: z.string().optional() }),
)

export const holder = wire<V.Holder>()(
  z.object({ island: z.string(), name: z.string(), state: replicaState, version: z.string() }),
)

export const datasetView = wire<V.DatasetView>()(
  z.object({
    id: z.string(),
    publisher: named,
    body: datasetBody,
    holders: z.array(holder),
    lost: loss.optional(),
    recordedAt: instant,
  }),
)

export const datasetPage = wire<V.DatasetPage>()(
  z.object({ items: z.array(datasetView), total: count, next: z.string().optional() }),
)

const doneOfTotal = z.object({ done: z.number(), total: z.number() })
export const publishProgress = wire<V.PublishProgress>()(
  z.object({ phase: z.enum(['scan', 'fetch', 'hash', 'inspect', 'record']), files: doneOfTotal, bytes: doneOfTotal }),
)

export const resolution = wire<V.Resolution>()(
  z.object({
    id: z.string(),
    aliases: z.array(z.string()),
    holders: z.array(
      z.object({
        island: z.string(),
        name: z.string(),
        publisher: z.string(),
        version: z.string(),
        state: replicaState,
        via: z.array(z.enum(['catalog', 'dht'])),
        freshness: instant,
        confirmed: z.boolean(),
        reason: z.string().optional(),
      }),
    ),
    lost: loss.optional(),
    elapsedMs: z.number(),
  }),
)

export const cell: z.ZodType<Cell> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(cell), z.record(z.string(), cell)]),
)

const tableShape = { columns: z.array(column), rows: z.array(z.array(cell)), rowCount: count, truncated: z.boolean() }
export const tableResult = wire<TableResult>()(z.object(tableShape))

export const fileView = wire<V.FileView>()(
  z.object({
    path: z.string(),
    bytes: count,
    mediaType: z.string(),
    pieces: z.string(),
    sha256: z.string().optional(),
  }),
)

export const filePage = wire<V.FilePage>()(
  z.object({ items: z.array(fileView), total: count, version: z.string(), next: z.string().optional() }),
)

export const preview = wire<V.Preview>()(
  z.object({
    id: z.string(),
    publisher: named,
    version: z.string(),
    columns: z.array(column),
    rows: z.array(z.array(cell)),
    truncated: z.boolean(),
    ranAt: z.object({ island: z.string(), name: z.string() }).optional(),
    task: z.string().optional(),
  }),
)

export const taskResult = wire<V.TaskResult>()(
  z.object({
    id: z.string(),
    state: taskState,
    askedAt: z.object({ island: z.string(), name: z.string(), time: instant }),
    ranAt: z.object({ island: z.string(), name: z.string() }).optional(),
    datasets: z.array(z.object({ table: z.string(), id: z.string(), version: z.string() })),
    result: tableResult,
    explain: z.array(placementEntry),
    elapsedMs: z.number(),
  }),
)

export const errorInfo = wire<ErrorInfo>()(
  z.object({
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
)

const somewhere = z.object({ island: z.string(), name: z.string() })
const asked = z.object({ island: z.string(), name: z.string(), time: instant })

export const attemptView = wire<V.AttemptView>()(
  z.object({
    number: count,
    island: z.string(),
    name: z.string(),
    state: attemptState,
    started: instant,
    ended: instant.optional(),
    error: errorInfo.optional(),
  }),
)

export const taskView = wire<V.TaskView>()(
  z.object({
    id: z.string(),
    kind: taskKind,
    user: z.string(),
    name: z.string().optional(),
    state: taskState,
    code: z.string(),
    codeSha256: z.string(),
    params: z.record(z.string(), paramValue),
    datasets: z.array(boundRef),
    askedAt: asked,
    ranAt: somewhere.optional(),
    attempts: z.array(attemptView),
    explain: z.array(placementEntry),
    logBytes: count,
    result: resultMeta.optional(),
    error: errorInfo.optional(),
    atMostOnce: z.boolean(),
    timeoutMs: z.number().optional(),
    maxRows: z.number().optional(),
    cancelRequested: z.boolean(),
    publish: z
      .object({
        id: z.string(),
        title: z.string().optional(),
        description: z.string().optional(),
        keywords: z.array(z.string()).optional(),
        licence: z.string().optional(),
      })
      .optional(),
    published: z.object({ id: z.string(), version: z.string() }).optional(),
    retryOf: z.string().optional(),
    engine: engineName.optional(),
    spark: sparkResources.optional(),
    batch: batchWork.optional(),
    action: actionUse.optional(),
    started: instant.optional(),
    ended: instant.optional(),
    elapsedMs: z.number(),
    waitsFor: somewhere.optional(),
    from: z.object({ island: z.string(), name: z.string(), role: z.enum(['requester', 'provider']) }),
  }),
)

export const taskSummary = wire<V.TaskSummary>()(
  z.object({
    id: z.string(),
    kind: taskKind,
    user: z.string(),
    name: z.string().optional(),
    state: taskState,
    askedAt: asked,
    ranAt: somewhere.optional(),
    started: instant.optional(),
    ended: instant.optional(),
    elapsedMs: z.number(),
    waitsFor: somewhere.optional(),
    datasets: z.array(z.string()),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    rowCount: count.optional(),
  }),
)

/** A main file as it is kept here. */
export const keptMain = mainFile

export const taskPage = wire<V.TaskPage>()(z.object({ items: z.array(taskSummary), next: z.string().optional() }))

export const actionView = wire<V.ActionView>()(
  z.object({
    ...actionBody.shape,
    id: z.string(),
    publisher: named,
    version: z.string(),
    user: z.string().optional(),
    own: z.boolean(),
    shared: z.object({ version: z.string(), time: instant }).optional(),
    modified: instant,
  }),
)
export const actionPage = wire<V.ActionPage>()(
  z.object({ items: z.array(actionView), total: count, next: z.string().optional() }),
)

export const placement = wire<V.PlacementView>()(
  z.object({
    order: z.array(z.object({ island: z.string(), seconds: z.number() })),
    explain: z.array(placementEntry),
  }),
)

export const logPage = wire<V.LogPage>()(
  z.object({ text: z.string(), offset: count, next: count, total: count, ended: z.boolean() }),
)

export const rowsPage = wire<V.RowsPage>()(z.object({ ...tableShape, from: count, total: count }))

export const invitation = wire<V.Invitation>()(
  z.object({ ticket: z.string(), id: z.string(), expires: instant, mayInvite: z.boolean() }),
)

export const journalEntry = wire<V.JournalEntry>()(
  z.object({
    time: instant,
    actor: z.string(),
    action: z.string(),
    subject: z.string(),
    outcome: z.enum(['ok', 'refused', 'failed']),
    code: z.string().optional(),
  }),
)

const tokenShape = {
  id: z.string(),
  name: z.string(),
  kind: z.enum(['token', 'browser']),
  scopes: z.array(scope),
  state: z.enum(['active', 'expired', 'revoked']),
  created: instant,
  expires: instant.optional(),
  revoked: instant.optional(),
  lastUsed: instant.optional(),
}
export const tokenView = wire<V.TokenView>()(z.object(tokenShape))
export const newToken = wire<V.NewToken>()(z.object({ ...tokenShape, token: z.string() }))
export const tokenPage = wire<V.TokenPage>()(
  z.object({ items: z.array(tokenView), next: z.string().optional(), total: count }),
)
export const signInCode = wire<V.SignInCode>()(z.object({ code: z.string(), expires: instant }))

/** Who asks. `csrf`, of those who come with a cookie, goes into the header X-CSRF-Token of every request that is not GET. */
export const browserSession = z.object({
  name: z.string(),
  scopes: z.array(scope),
  csrf: z.string().optional(),
  expires: instant.optional(),
})
export const journalPage = wire<V.JournalPage>()(
  z.object({ items: z.array(journalEntry), next: z.string().optional() }),
)

const stamped = { time: instant, id: z.string() }
export const islandEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('dataset:changed'), ...stamped, publisher: named, dataset: datasetView }),
  z.object({ type: z.literal('dataset:withdrawn'), ...stamped, publisher: named }),
  z.object({ type: z.literal('island:changed'), time: instant, island: islandView }),
  z.object({ type: z.enum(['member:joined', 'member:revoked', 'member:left']), ...stamped, name: z.string() }),
  z.object({ type: z.literal('log:forked'), ...stamped }),
  z.object({ type: z.literal('task:changed'), time: instant, task: taskSummary }),
]) satisfies z.ZodType<Wire<V.IslandEvent>>

/** At least `lost` events were dropped here: the reader was too slow, or was away for longer than the island remembers. */
export const lostEvents = z.object({ lost: z.number().int().positive() })

export const sessionView = wire<V.SessionView>()(
  z.object({
    id: count,
    name: z.string().optional(),
    owner: z.string(),
    kind: taskKind,
    state: sessionState,
    datasets: z.array(z.object({ table: z.string(), id: z.string(), version: z.string() })),
    log: z.array(z.string()),
    idleMs: count,
    created: instant,
    active: instant,
    ended: instant.optional(),
    error: errorInfo.optional(),
  }),
)
export const livyEntryPage = wire<V.LivyEntryPage>()(
  z.object({
    items: z.array(
      z.object({
        type: z.enum(['session', 'batch']),
        id: count,
        name: z.string().optional(),
        owner: z.string(),
        kind: z.string().optional(),
        state: sessionState,
        island: named,
        engine: z.enum(['livy', 'embedded']).optional(),
        remoteId: count.optional(),
        why: z.string(),
        datasets: z.array(z.object({ table: z.string(), id: z.string(), version: z.string() })),
        created: instant,
        ended: instant.optional(),
        statements: z.array(z.object({ id: count, state: statementState, spooledBytes: count.optional() })).optional(),
      }),
    ),
    total: count,
    endpoint: z.string().optional(),
    next: z.string().optional(),
  }),
)
export const sessionPage = wire<V.SessionPage>()(
  z.object({ items: z.array(sessionView), total: count, next: z.string().optional() }),
)

const statementShape = {
  id: count,
  code: z.string(),
  state: statementState,
  progress: z.number(),
  started: count,
  completed: count,
}
export const statementOutput = z.discriminatedUnion('status', [
  z.object({ status: z.literal('ok'), execution_count: count, data: z.record(z.string(), cell) }),
  z.object({
    status: z.literal('error'),
    execution_count: count,
    ename: z.string(),
    evalue: z.string(),
    traceback: z.array(z.string()),
    error: errorInfo,
  }),
]) satisfies z.ZodType<Wire<V.StatementOutput>>
export const statementView = wire<V.StatementView>()(
  z.object({ ...statementShape, output: z.union([statementOutput, z.null()]) }),
)
export const statementPage = wire<V.StatementPage>()(
  z.object({ items: z.array(z.object(statementShape)), total: count, next: z.string().optional() }),
)

export const configView = wire<V.ConfigView>()(
  z.object({ settings: z.record(z.string(), z.object({ value: z.unknown().optional(), source: z.string() })) }),
)
