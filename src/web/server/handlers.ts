/** One line per route: from checked input to a call of the island. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { noResult } from '../../protocols/model/no-result.ts'
import type { DatasetView, TaskView } from '../../protocols/model/views.ts'
import { idempotencyKey, type MetadataFormat } from '../contract/inputs.ts'
import { openApi } from '../contract/openapi.ts'
import type { RouteInput } from '../contract/route.ts'
import type { RouteName, Routes } from '../contract/routes.ts'
import type { IslandPort } from '../ports.ts'
import { FileAnswer } from './file-answer.ts'

export interface HandlerContext {
  island: IslandPort
  /** The dataset in a metadata format, with its media type. */
  metadata(view: DatasetView, format: MetadataFormat): { mediaType: string; document: object }
  /** Of the software. */
  version: string
  signal: AbortSignal
  onProgress(progress: object): void
}

/** An answer that is not plain `application/json`. */
export class Typed {
  readonly mediaType: string
  readonly document: object
  constructor(mediaType: string, document: object) {
    this.mediaType = mediaType
    this.document = document
  }
}

/** The key of the header, which is a quoted string or bare, or that of the field. @throws BAD_INPUT when both are there and differ */
function keyOf(header: string | undefined, field: string | undefined): { idempotencyKey?: string } {
  if (header === undefined) return field === undefined ? {} : { idempotencyKey: field }
  const given = idempotencyKey.safeParse(/^"([^"\\]*)"$/.exec(header.trim())?.[1] ?? header.trim())
  if (!given.success) throw new ArchipelError('BAD_INPUT', 'header.idempotency-key: has 1 to 200 characters')
  if (field !== undefined && field !== given.data)
    throw new ArchipelError('BAD_INPUT', 'header.idempotency-key: differs from the field idempotencyKey')
  return { idempotencyKey: given.data }
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
  return new FileAnswer({ mediaType, fileName: name, open, known: { bytes, sha256 } })
}

type Handlers = {
  [N in Exclude<RouteName, 'events'>]: (input: RouteInput<Routes[N]>, context: HandlerContext) => unknown
}

export const HANDLERS: Handlers = {
  health: () => ({ status: 'ok' }),
  status: (_, { island, signal }) => island.status({ signal }),
  islands: (_, { island, signal }) => island.islands({ signal }),
  datasets: ({ query }, { island, signal }) => island.datasets(query, { signal }),
  dataset: ({ params }, { island, signal }) => island.dataset(params.ref, { signal }),
  metadata: async ({ params, query }, { island, metadata, signal }) => {
    const { mediaType, document } = metadata(await island.dataset(params.ref, { signal }), query.format)
    return new Typed(mediaType, document)
  },
  publish: ({ body }, { island, signal, onProgress }) => island.publish(body, { signal, onProgress }),
  unpublish: ({ params }, { island, signal }) => island.unpublish(params.ref, { signal }),
  resolve: ({ params, query }, { island, signal }) => island.resolve({ ref: params.ref, ...query }, { signal }),
  sql: ({ body }, { island, signal }) => island.sql(body, { signal }),
  taskSubmit: ({ body, headers }, { island, signal }) =>
    island.tasks.submit({ ...body, ...keyOf(headers['idempotency-key'], body.idempotencyKey) }, { signal }),
  taskPlace: ({ body }, { island, signal }) => island.tasks.place(body, { signal }),
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
  taskCancel: ({ params }, { island, signal }) => island.tasks.cancel(params.id, { signal }),
  taskRetry: ({ params }, { island, signal }) => island.tasks.retry(params.id, { signal }),
  invite: ({ body }, { island, signal }) => island.invite(body, { signal }),
  pardon: ({ body }, { island, signal }) => island.pardon(body, { signal }),
  revoke: ({ body }, { island, signal }) => island.revoke(body, { signal }),
  leave: (_, { island, signal }) => island.leave({ signal }),
  journal: ({ query }, { island, signal }) => island.journal({ limit: query.limit ?? 100 }, { signal }),
  openapi: (_, { version }) => openApi(version),
}
