/** One line per route: from checked input to a call of the island. */
import type { DatasetView } from '../../protocols/model/views.ts'
import type { MetadataFormat } from '../contract/inputs.ts'
import { openApi } from '../contract/openapi.ts'
import type { RouteInput } from '../contract/route.ts'
import type { RouteName, Routes } from '../contract/routes.ts'
import type { IslandPort } from '../ports.ts'

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
  invite: ({ body }, { island, signal }) => island.invite(body, { signal }),
  pardon: ({ body }, { island, signal }) => island.pardon(body, { signal }),
  revoke: ({ body }, { island, signal }) => island.revoke(body, { signal }),
  leave: (_, { island, signal }) => island.leave({ signal }),
  journal: ({ query }, { island, signal }) => island.journal({ limit: query.limit ?? 100 }, { signal }),
  openapi: (_, { version }) => openApi(version),
}
