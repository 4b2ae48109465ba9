/** The client of an island's web service, for browsers and Node; `node.ts` is the same with Node's own limits lifted. */
import type { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { FileUrl } from '../../protocols/model/file-url.ts'
import type { MainFile } from '../../protocols/model/spark.ts'
import type { DatasetUpdate } from '../../protocols/model/versions.ts'
import type {
  DatasetView,
  IslandEvent,
  PublishProgress,
  PublishRequest,
  StatementRequest,
} from '../../protocols/model/views.ts'
import type { MetadataFormat } from '../contract/inputs.ts'
import type { Routes } from '../contract/routes.ts'
import type {
  GetRequest,
  IslandPort,
  IslandSessions,
  IslandStatements,
  IslandSubscriptions,
  IslandTokens,
} from '../ports.ts'
import type { CompleteClient } from './complete.ts'
import { type EventOptions, islandEvents } from './events.ts'
import type { ClientOptions } from './options.ts'
import { cutOff, progress } from './progress.ts'
import { readFile } from './read-file.ts'
import { baseUrl } from './request.ts'
import { TABLE } from './table.ts'
import { type Ask, type ClientTasks, taskClient } from './tasks.ts'
import { type MainBytes, transport } from './transport.ts'

export { ArchipelError, type ErrorCode } from '../../protocols/model/errors.ts'
export type * from '../../protocols/model/views.ts'
export type { ConnectionState, EventOptions } from './events.ts'
export type { ClientOptions } from './options.ts'
export { iterate } from './pages.ts'
export type { RunOptions, TaskRun } from './run-task.ts'

export interface ClientInit {
  /** e.g. `http://127.0.0.1:9411`; in a page, where the page came from. */
  url?: string
  /** Without one, a page of the island itself is who has signed in there. */
  token?: string | undefined
  /** Further tries of reading calls, and of those with an idempotency key, when the connection fails or the island is busy; 2 by default. */
  retries?: number
  /** The global one by default. */
  fetch?: typeof globalThis.fetch
}

/** A function that makes something, which takes an idempotency key, too. */
type Keyed<F extends (request: never, options?: never) => unknown> = (
  request: Parameters<F>[0],
  options?: ClientOptions,
) => ReturnType<F>

/** Who a browser is signed in as, what it may do, until when. */
export type BrowserSession = z.output<Routes['browserSession']['response']>

/**
 * Every function throws `ArchipelError` with the code the island answered with; NOT_RUNNING when nothing listens (in a
 * browser UNREACHABLE), UNREACHABLE when the connection breaks, PROTOCOL when it is not an island that answers.
 */
export interface IslandClient extends IslandPort {
  tasks: ClientTasks
  mains: {
    /** Bytes, a file of a page, or, of a stream, what comes: that is sent but once. */
    put(name: string, bytes: MainBytes, options?: ClientOptions): Promise<MainFile>
  }
  tokens: IslandTokens & { create: Keyed<IslandTokens['create']> }
  sessions: IslandSessions & { create: Keyed<IslandSessions['create']> }
  statements: IslandStatements & {
    create(session: number, request: StatementRequest, options?: ClientOptions): ReturnType<IslandStatements['create']>
  }
  replicate(
    ref: string,
    request: Parameters<IslandPort['replicate']>[1],
    options?: ClientOptions,
  ): ReturnType<IslandPort['replicate']>
  subscriptions: IslandSubscriptions & { create: Keyed<IslandSubscriptions['create']> }
  get(ref: string, request?: GetRequest, options?: ClientOptions): ReturnType<IslandPort['get']>
  publish(
    request: PublishRequest,
    options?: ClientOptions & { onProgress?: (progress: PublishProgress) => void },
  ): Promise<DatasetView>
  invite: Keyed<IslandPort['invite']>
  signInCode: Keyed<IslandPort['signInCode']>
  metadata(ref: string, format: MetadataFormat, options?: ClientOptions): Promise<Record<string, unknown>>
  health(options?: ClientOptions): Promise<{ status: 'ok' }>
  /** @throws NOT_READY (details.waiting) */
  ready(options?: ClientOptions): Promise<{ status: 'ready' }>
  /** In the text format of Prometheus. */
  metrics(options?: ClientOptions): Promise<string>
  openapi(options?: ClientOptions): Promise<Record<string, unknown>>
  /** Signs this browser in with a one-time code: from then on its cookie is who calls. */
  browserSignIn(request: { code: string }, options?: ClientOptions): Promise<BrowserSession>
  /** @throws UNAUTHENTICATED when nobody is signed in */
  browserSession(options?: ClientOptions): Promise<BrowserSession>
  browserSignOut(options?: ClientOptions): Promise<{ signedOut: true }>
  /** Endless: a connection that breaks is made again, and goes on after the last event. */
  events(options?: EventOptions): AsyncGenerator<IslandEvent | { lost: number }, void, void>
  /** Ends all calls and connections. */
  close(): Promise<void>
}

/** @throws BAD_INPUT when `url` is not that of an island */
export function createClient(init: ClientInit = {}): IslandClient {
  const url = init.url ?? globalThis.location?.origin
  if (url === undefined) throw new ArchipelError('BAD_INPUT', 'the URL of the island is missing')
  const http = transport({
    url,
    token: init.token,
    // Called as a method of anything else, a browser's fetch throws.
    fetch: init.fetch ?? ((...args) => globalThis.fetch(...args)),
    retries: init.retries ?? 2,
  })
  const ask: Ask = (name, input, { signal, idempotencyKey } = {}) =>
    // The island is trusted to answer as its contract says; newer ones may say more.
    http.json(TABLE[name], {
      ...input,
      signal,
      idempotencyKey: idempotencyKey ?? input.idempotencyKey,
    }) as Promise<never>

  const publish: IslandClient['publish'] = async (body, { signal, idempotencyKey, onProgress } = {}) => {
    const input = { body, signal, idempotencyKey }
    for await (const line of progress<PublishProgress, DatasetView>(http, TABLE.publish, input)) {
      if (line.progress !== undefined) onProgress?.(line.progress)
      else return line.result
    }
    throw cutOff()
  }

  const update: IslandClient['update'] = async (ref, body = {}, { signal, onProgress } = {}) => {
    const input = { params: { ref }, body, signal }
    for await (const line of progress<PublishProgress, DatasetUpdate>(http, TABLE.update, input)) {
      if (line.progress !== undefined) onProgress?.(line.progress)
      else return line.result
    }
    throw cutOff()
  }

  const client: IslandClient = {
    status: (options) => ask('status', {}, options),
    islands: (query, options) => ask('islands', { query }, options),
    datasets: (query, options) => ask('datasets', { query }, options),
    dataset: (ref, options) => ask('dataset', { params: { ref } }, options),
    files: (ref, query, options) => ask('files', { params: { ref }, query }, options),
    read: (request, options) => readFile(http, request, options),
    async url(ref, body, options) {
      const made: FileUrl = await ask('url', { params: { ref }, body }, options)
      return { ...made, url: baseUrl(url) + made.url }
    },
    preview: (ref, { rows }, options) => ask('preview', { params: { ref }, query: { rows } }, options),
    metadata: (ref, format, options) => ask('metadata', { params: { ref }, query: { format } }, options),
    publish,
    update,
    versions: (ref, options) => ask('versions', { params: { ref } }, options),
    diff: (ref, query, options) => ask('diff', { params: { ref }, query: { ...query } }, options),
    unpublish: (ref, options) => ask('unpublish', { params: { ref } }, options),
    get: (ref, body = {}, options) => ask('get', { params: { ref }, body }, options),
    getPlan: (ref, query, options) => ask('getPlan', { params: { ref }, query: { ...query } }, options),
    replicas: (query, options) => ask('replicas', { query: { ...query } }, options),
    follow: (ref, options) => ask('follow', { params: { ref } }, options),
    pin: (ref, body = {}, options) => ask('pin', { params: { ref }, body }, options),
    drop: (ref, query, options) => ask('drop', { params: { ref }, query: { ...query } }, options),
    dropPlan: (ref, options) => ask('dropPlan', { params: { ref } }, options),
    verify: (ref, body = {}, options) => ask('verify', { params: { ref }, body }, options),
    transfers: {
      list: (query, options) => ask('transfersList', { query: { ...query } }, options),
      show: (id, options) => ask('transfersShow', { params: { id } }, options),
      pause: (id, options) => ask('transfersPause', { params: { id } }, options),
      resume: (id, options) => ask('transfersResume', { params: { id } }, options),
      cancel: (id, options) => ask('transfersCancel', { params: { id } }, options),
      priority: (id, body, options) => ask('transfersPriority', { params: { id }, body }, options),
    },
    replicate: (ref, body, options) => ask('replicate', { params: { ref }, body }, options),
    requests: {
      list: (query, options) => ask('requestsList', { query: { ...query } }, options),
      show: (id, options) => ask('requestsShow', { params: { id } }, options),
      cancel: (id, options) => ask('requestsCancel', { params: { id } }, options),
    },
    subscriptions: {
      create: (body, options) => ask('subscriptionsCreate', { body }, options),
      plan: (body, options) => ask('subscriptionsPlan', { body }, options),
      list: (query, options) => ask('subscriptionsList', { query: { ...query } }, options),
      show: (id, options) => ask('subscriptionsShow', { params: { id } }, options),
      explain: (id, ref, options) => ask('subscriptionsExplain', { params: { id, ref } }, options),
      pause: (id, options) => ask('subscriptionsPause', { params: { id } }, options),
      resume: (id, body = {}, options) => ask('subscriptionsResume', { params: { id }, body }, options),
      remove: (id, options) => ask('subscriptionsRemove', { params: { id } }, options),
    },
    rules: {
      add: (body, options) => ask('rulesAdd', { body }, options),
      list: (query, options) => ask('rulesList', { query: { ...query } }, options),
      show: (id, options) => ask('rulesShow', { params: { id } }, options),
      explain: (id, options) => ask('rulesExplain', { params: { id } }, options),
      remove: (id, options) => ask('rulesRemove', { params: { id } }, options),
    },
    resolve: ({ ref, ...query }, options) => ask('resolve', { params: { ref }, query }, options),
    sql: ({ idempotencyKey, ...body }, options) => ask('sql', { body, idempotencyKey }, options),
    tasks: taskClient(http, ask),
    mains: {
      put: (name, bytes, { signal } = {}) =>
        http.json(TABLE.mainPut, { query: { name }, bytes, signal }) as Promise<MainFile>,
    },
    actions: {
      save: (body, options) => ask('actionsSave', { body }, options),
      list: (query, options) => ask('actionsList', { query }, options),
      show: (ref, options) => ask('actionsShow', { params: { ref } }, options),
      run: (ref, body, options) =>
        ask('actionsRun', { params: { ref }, body, idempotencyKey: body.idempotencyKey }, options),
      share: (ref, options) => ask('actionsShare', { params: { ref } }, options),
      remove: (ref, options) => ask('actionsRemove', { params: { ref } }, options),
    },
    sessions: {
      create: (body, options) => ask('sessionCreate', { body }, options),
      list: (query, options) => ask('sessionList', { query: { ...query } }, options),
      show: (session, options) => ask('sessionShow', { params: { session: String(session) } }, options),
      delete: (session, options) => ask('sessionDelete', { params: { session: String(session) } }, options),
      log: (session, query, options) => ask('sessionLog', { params: { session: String(session) }, query }, options),
    },
    statements: {
      create: (session, body, options) =>
        ask('statementCreate', { params: { session: String(session) }, body }, options),
      list: (session, query, options) =>
        ask('statementList', { params: { session: String(session) }, query: { ...query } }, options),
      show: (session, statement, options) =>
        ask('statementShow', { params: { session: String(session), statement: String(statement) } }, options),
      cancel: (session, statement, options) =>
        ask('statementCancel', { params: { session: String(session), statement: String(statement) } }, options),
    },
    livy: {
      list: (query, options) => ask('livyList', { query: { ...query } }, options),
      end: (type, id, options) => ask('livyEnd', { params: { type, id: String(id) } }, options),
      output: (session, statement, query, options) =>
        ask('livyOutput', { params: { session: String(session), statement: String(statement) }, query }, options),
    },
    tokens: {
      create: (body, options) => ask('tokenCreate', { body }, options),
      list: (query, options) => ask('tokenList', { query }, options),
      revoke: (ref, options) => ask('tokenRevoke', { params: { ref } }, options),
    },
    signInCode: (body, options) => ask('signInCode', { body }, options),
    browserSignIn: (body, options) => ask('browserSignIn', { body }, options),
    browserSession: (options) => ask('browserSession', {}, options),
    browserSignOut: (options) => ask('browserSignOut', {}, options),
    invite: (body, options) => ask('invite', { body }, options),
    pardon: (body, options) => ask('pardon', { body }, options),
    revoke: (body, options) => ask('revoke', { body }, options),
    leave: (options) => ask('leave', { body: {} }, options),
    journal: (query, options) => ask('journal', { query }, options),
    config: (options) => ask('config', {}, options),
    health: (options) => ask('health', {}, options),
    ready: (options) => ask('ready', {}, options),
    metrics: ({ signal } = {}) => http.text(TABLE.metrics, { signal }),
    openapi: (options) => ask('openapi', {}, options),
    events: (options = {}) => islandEvents(http, options),
    close: async () => http.close(),
  }
  return client satisfies CompleteClient
}
