/** One line per route: from checked input to a call of the island. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { noResult } from '../../protocols/model/no-result.ts'
import type { DatasetView, TaskView } from '../../protocols/model/views.ts'
import type { MetadataFormat } from '../contract/inputs.ts'
import { openApi } from '../contract/openapi.ts'
import type { RouteInput } from '../contract/route.ts'
import type { RouteName, Routes } from '../contract/routes.ts'
import { allows, type Scope } from '../contract/scopes.ts'
import { idempotencyKey } from '../contract/work-inputs.ts'
import type { Caller, FileReading, IslandPort } from '../ports.ts'
import type { BrowserRoute } from './browser.ts'
import { FileAnswer } from './file-answer.ts'
import type { Metrics } from './metrics.ts'

export interface HandlerContext {
  island: IslandPort
  /** The dataset in a metadata format, with its media type. */
  metadata(view: DatasetView, format: MetadataFormat): { mediaType: string; document: object }
  /** Of the software. */
  version: string
  /** Its name in browsers. */
  cookie: string
  /** Why the island is not ready; empty when it is. */
  notReady(): string[]
  metrics: Pick<Metrics, 'text' | 'mediaType'>
  /** Who asks; the server has checked the scope of the route. */
  caller: Caller
  signal: AbortSignal
  onProgress(progress: object): void
}

/** An answer that is not plain `application/json`: a document of another type, or text. */
export class Typed {
  readonly mediaType: string
  readonly document: object | string
  constructor(mediaType: string, document: object | string) {
    this.mediaType = mediaType
    this.document = document
  }
}

/** The options of a call that is made for somebody. */
function as({ caller, signal }: Pick<HandlerContext, 'caller' | 'signal'>): { signal: AbortSignal; user: string } {
  return { signal, user: caller.name }
}

/** The same, where only an administrator may do it to what others made. */
function asOwner(who: Pick<HandlerContext, 'caller' | 'signal'>): ReturnType<typeof as> & { onlyOwn: boolean } {
  return { ...as(who), onlyOwn: !allows(who.caller.scopes, 'admin') }
}

/** @throws SCOPE_MISSING */
export function requireScope({ scopes }: Pick<Caller, 'scopes'>, needed: Scope): void {
  if (allows(scopes, needed)) return
  throw new ArchipelError('SCOPE_MISSING', `this needs a token with the scope ${needed}`, {
    details: { scope: needed },
  })
}

/** The key of the header, which is a quoted string or bare, or that of the field. @throws BAD_INPUT when both are there and differ */
export function keyOf(header: string | undefined, field: string | undefined): { idempotencyKey?: string } {
  if (header === undefined) return field === undefined ? {} : { idempotencyKey: field }
  const given = idempotencyKey.safeParse(/^"([^"\\]*)"$/.exec(header.trim())?.[1] ?? header.trim())
  if (!given.success) throw new ArchipelError('BAD_INPUT', 'header.idempotency-key: has 1 to 200 characters')
  if (field !== undefined && field !== given.data)
    throw new ArchipelError('BAD_INPUT', 'header.idempotency-key: differs from the field idempotencyKey')
  return { idempotencyKey: given.data }
}

/** A file of a dataset as an answer. */
export function fileOf({ path, bytes, pieces: tag, mediaType, open }: FileReading): FileAnswer {
  return new FileAnswer({ mediaType, fileName: path, open: (from, to) => open({ from, to }), known: { bytes, tag } })
}

/** An item by its name in the result of a task. @throws TASK_STATE, NOT_FOUND */
async function item(
  { id, name }: { id: string; name: string },
  { island, signal }: Pick<HandlerContext, 'island' | 'signal'>,
): Promise<FileAnswer> {
  const view = await island.tasks.show(id, { signal })
  if (view.result === undefined) throw noResult(view)
  const found = view.result.items.find((i) => i.name === name)
  if (found === undefined)
    throw new ArchipelError('NOT_FOUND', `the result has no item ${JSON.stringify(name)}`, {
      hint: 'The items are listed in `result.items` of the task.',
    })
  const { mediaType, bytes, sha256 } = found
  const open = (offset: number) => island.tasks.read(id, name, { signal, offset })
  return new FileAnswer({ mediaType, fileName: name, open, known: { bytes, tag: sha256 } })
}

type Handlers = {
  [N in Exclude<RouteName, 'events' | BrowserRoute>]: (input: RouteInput<Routes[N]>, context: HandlerContext) => unknown
}

export const HANDLERS: Handlers = {
  health: () => ({ status: 'ok' }),
  ready: (_, { notReady }) => {
    const waiting = notReady()
    if (waiting.length === 0) return { status: 'ready' }
    throw new ArchipelError('NOT_READY', `the island is ${waiting.join(' and ')}`, { details: { waiting } })
  },
  metrics: async (_, { metrics }) => new Typed(metrics.mediaType, await metrics.text()),
  status: (_, { island, signal }) => island.status({ signal }),
  islands: ({ query }, { island, signal }) => island.islands(query, { signal }),
  datasets: ({ query }, { island, signal }) => island.datasets(query, { signal }),
  dataset: ({ params }, { island, signal }) => island.dataset(params.ref, { signal }),
  files: ({ params, query }, { island, signal }) => island.files(params.ref, query, { signal }),
  read: async ({ params, query }, { island, ...who }) => fileOf(await island.read({ ...params, ...query }, as(who))),
  url: ({ params, body }, { island, ...who }) => island.url(params.ref, body, { ...as(who), token: who.caller.id }),
  preview: ({ params, query }, { island, ...who }) =>
    island.preview(params.ref, { ...query, elsewhere: allows(who.caller.scopes, 'run') }, as(who)),
  metadata: async ({ params, query }, { island, metadata, signal }) => {
    const { mediaType, document } = metadata(await island.dataset(params.ref, { signal }), query.format)
    return new Typed(mediaType, document)
  },
  publish: ({ body }, { island, onProgress, ...who }) => island.publish(body, { ...as(who), onProgress }),
  update: ({ params, body }, { island, onProgress, ...who }) =>
    island.update(params.ref, body, { ...as(who), onProgress }),
  versions: ({ params }, { island, signal }) => island.versions(params.ref, { signal }),
  diff: ({ params, query }, { island, signal }) => island.diff(params.ref, query, { signal }),
  unpublish: ({ params }, { island, ...who }) => island.unpublish(params.ref, as(who)),
  get: ({ params, body }, { island, ...who }) => {
    // The files of a folder are nobody's dataset: writing there is for the owner.
    if (body.to !== undefined) requireScope(who.caller, 'admin')
    return island.get(params.ref, body, as(who))
  },
  getPlan: ({ params, query }, { island, ...who }) => island.getPlan(params.ref, query, as(who)),
  replicas: ({ query }, { island, signal }) => island.replicas(query, { signal }),
  follow: ({ params }, { island, ...who }) => island.follow(params.ref, as(who)),
  pin: ({ params, body }, { island, ...who }) => island.pin(params.ref, body, as(who)),
  drop: ({ params, query }, { island, ...who }) => island.drop(params.ref, query, as(who)),
  dropPlan: ({ params }, { island, ...who }) => island.dropPlan(params.ref, as(who)),
  verify: ({ params, body }, { island, ...who }) => island.verify(params.ref, body, as(who)),
  transfersList: ({ query }, { island, signal }) => island.transfers.list(query, { signal }),
  transfersShow: ({ params }, { island, signal }) => island.transfers.show(params.id, { signal }),
  transfersPause: ({ params }, { island, ...who }) => island.transfers.pause(params.id, as(who)),
  transfersResume: ({ params }, { island, ...who }) => island.transfers.resume(params.id, as(who)),
  transfersCancel: ({ params }, { island, ...who }) => island.transfers.cancel(params.id, as(who)),
  transfersPriority: ({ params, body }, { island, ...who }) => island.transfers.priority(params.id, body, as(who)),
  replicate: ({ params, body }, { island, ...who }) => island.replicate(params.ref, body, as(who)),
  requestsList: ({ query }, { island, signal }) => island.requests.list(query, { signal }),
  requestsShow: ({ params }, { island, signal }) => island.requests.show(params.id, { signal }),
  requestsCancel: ({ params }, { island, ...who }) => island.requests.cancel(params.id, as(who)),
  subscriptionsCreate: ({ body }, { island, ...who }) => island.subscriptions.create(body, as(who)),
  subscriptionsPlan: ({ body }, { island, ...who }) => island.subscriptions.plan(body, as(who)),
  subscriptionsList: ({ query }, { island, signal }) => island.subscriptions.list(query, { signal }),
  subscriptionsShow: ({ params }, { island, signal }) => island.subscriptions.show(params.id, { signal }),
  subscriptionsExplain: ({ params }, { island, signal }) =>
    island.subscriptions.explain(params.id, params.ref, { signal }),
  subscriptionsPause: ({ params }, { island, ...who }) => island.subscriptions.pause(params.id, as(who)),
  subscriptionsResume: ({ params, body }, { island, ...who }) => island.subscriptions.resume(params.id, body, as(who)),
  subscriptionsRemove: ({ params }, { island, ...who }) => island.subscriptions.remove(params.id, as(who)),
  rulesAdd: ({ body }, { island, ...who }) => island.rules.add(body, as(who)),
  rulesList: ({ query }, { island, signal }) => island.rules.list(query, { signal }),
  rulesShow: ({ params }, { island, signal }) => island.rules.show(params.id, { signal }),
  rulesExplain: ({ params }, { island, signal }) => island.rules.explain(params.id, { signal }),
  rulesRemove: ({ params }, { island, ...who }) => island.rules.remove(params.id, as(who)),
  resolve: ({ params, query }, { island, signal }) => island.resolve({ ref: params.ref, ...query }, { signal }),
  sql: ({ body, headers }, { island, ...who }) =>
    island.sql({ ...body, ...keyOf(headers['idempotency-key'], undefined) }, as(who)),
  taskSubmit: ({ body, headers }, { island, ...who }) => {
    if (body.publish !== undefined) requireScope(who.caller, 'publish')
    return island.tasks.submit({ ...body, ...keyOf(headers['idempotency-key'], body.idempotencyKey) }, as(who))
  },
  taskPlace: ({ body }, { island, ...who }) => island.tasks.place(body, as(who)),
  taskList: ({ query }, { island, signal }) => island.tasks.list(query, { signal }),
  taskShow: ({ params }, { island, signal }) => island.tasks.show(params.id, { signal }),
  taskWatch: async ({ params }, { island, signal, onProgress }) => {
    let last: TaskView | undefined
    for await (const view of island.tasks.watch(params.id, { signal })) {
      last = view
      onProgress(view)
    }
    return last ?? island.tasks.show(params.id, { signal })
  },
  taskLog: ({ params, query }, { island, signal }) => island.tasks.log(params.id, query, { signal }),
  taskRows: ({ params, query }, { island, signal }) => island.tasks.rows(params.id, query, { signal }),
  taskRead: ({ params }, context) => item(params, context),
  taskTable: async ({ params, query }, { island, signal }) => {
    const { mediaType, fileName, body } = await island.tasks.table(params.id, query.format, { signal })
    return new FileAnswer({ mediaType, fileName, open: () => body })
  },
  taskCancel: ({ params }, { island, ...who }) => island.tasks.cancel(params.id, as(who)),
  taskRetry: async ({ params, headers }, { island, ...who }) => {
    // The new task publishes what the old one would have published.
    if (!allows(who.caller.scopes, 'publish') && (await island.tasks.show(params.id, as(who))).publish !== undefined)
      requireScope(who.caller, 'publish')
    return island.tasks.retry(params.id, { ...as(who), ...keyOf(headers['idempotency-key'], undefined) })
  },
  mainPut: ({ query, body }, { island, ...who }) => island.mains.put(query.name, body, as(who)),
  actionsSave: ({ body }, { island, ...who }) => island.actions.save(body, asOwner(who)),
  actionsList: ({ query }, { island, signal }) => island.actions.list(query, { signal }),
  actionsShow: ({ params }, { island, signal }) => island.actions.show(params.ref, { signal }),
  actionsRun: ({ params, body, headers }, { island, ...who }) => {
    if (body.publish !== undefined) requireScope(who.caller, 'publish')
    const keyed = keyOf(headers['idempotency-key'], body.idempotencyKey)
    return island.actions.run(params.ref, { ...body, ...keyed }, as(who))
  },
  actionsShare: ({ params }, { island, ...who }) => island.actions.share(params.ref, asOwner(who)),
  actionsRemove: async ({ params }, { island, ...who }) => {
    // What all islands see is withdrawn by those only who may show it.
    if (!allows(who.caller.scopes, 'publish') && (await island.actions.show(params.ref, as(who))).shared !== undefined)
      requireScope(who.caller, 'publish')
    return island.actions.remove(params.ref, asOwner(who))
  },
  sessionCreate: ({ body }, { island, ...who }) => island.sessions.create(body, as(who)),
  sessionList: ({ query }, { island, signal }) => island.sessions.list(query, { signal }),
  sessionShow: ({ params }, { island, signal }) => island.sessions.show(params.session, { signal }),
  sessionDelete: ({ params }, { island, ...who }) => island.sessions.delete(params.session, asOwner(who)),
  sessionLog: ({ params, query }, { island, signal }) => island.sessions.log(params.session, query, { signal }),
  statementCreate: ({ params, body }, { island, ...who }) =>
    island.statements.create(params.session, body, asOwner(who)),
  statementList: ({ params, query }, { island, signal }) => island.statements.list(params.session, query, { signal }),
  statementShow: ({ params }, { island, signal }) =>
    island.statements.show(params.session, params.statement, { signal }),
  statementCancel: ({ params }, { island, ...who }) =>
    island.statements.cancel(params.session, params.statement, asOwner(who)),
  livyList: ({ query }, { island, signal }) => island.livy.list(query, { signal }),
  livyEnd: ({ params }, { island, ...who }) => island.livy.end(params.type, params.id, asOwner(who)),
  livyOutput: ({ params, query }, { island, ...who }) =>
    island.livy.output(params.session, params.statement, query, asOwner(who)),
  invite: ({ body }, { island, ...who }) => island.invite(body, as(who)),
  pardon: ({ body }, { island, ...who }) => island.pardon(body, as(who)),
  revoke: ({ body }, { island, ...who }) => island.revoke(body, as(who)),
  leave: (_, { island, ...who }) => island.leave(as(who)),
  journal: ({ query }, { island, signal }) => island.journal(query, { signal }),
  tokenCreate: ({ body }, { island, ...who }) => island.tokens.create(body, as(who)),
  tokenList: ({ query }, { island, signal }) => island.tokens.list(query, { signal }),
  tokenRevoke: ({ params }, { island, ...who }) => island.tokens.revoke(params.ref, as(who)),
  signInCode: ({ body }, { island, ...who }) => island.signInCode(body, as(who)),
  config: (_, { island, signal }) => island.config({ signal }),
  openapi: (_, { version, cookie }) => openApi({ version, cookie }),
}
