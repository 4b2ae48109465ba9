/** The functions of an island about replicas and transfers, for its web service. */
import { pageOf } from '../protocols/model/paging.ts'
import type { TransferView } from '../protocols/model/transfer.ts'
import { mediaTypeOf } from './contents/media-type.ts'
import type { GetRequest, ReplicasPort } from './replicas/replicas.ts'

const DEFAULT_TRANSFERS = 100

/** Without what is absent. */
function given<T extends object>(request: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)) as never
}

type ReadRequest = Parameters<ReplicasPort['read']>[0]

interface Options {
  signal?: AbortSignal
  user?: string
}
type Loose<T> = { [K in keyof T]?: T[K] | undefined }

export function replicaPort(replicas: ReplicasPort) {
  return {
    get: (ref: string, request: Loose<Omit<GetRequest, 'ref'>> = {}, options?: Options) =>
      replicas.get({ ...given(request), ref }, options),
    getPlan: (ref: string, request: Loose<Pick<GetRequest, 'files' | 'version'>> = {}, options?: Options) =>
      replicas.plan({ ...given(request), ref }, options),
    async read(request: ReadRequest, options?: Options) {
      const file = await replicas.read(request, options)
      return { ...file, mediaType: mediaTypeOf(file.path) }
    },
    drop: (ref: string, { force = false }: { force?: boolean | undefined } = {}, options?: Options) =>
      replicas.drop(ref, { force }, options),
    verify: (ref: string, { checksums = false }: { checksums?: boolean | undefined } = {}, options?: Options) =>
      replicas.verify(ref, { checksums }, options),
    dropPlan: (ref: string, options?: Options) => replicas.dropPlan(ref, options),
    replicas: async ({ limit = DEFAULT_TRANSFERS, cursor }: { limit?: number; cursor?: string } = {}) =>
      replicas.replicas({ limit, cursor }),
    follow: (ref: string, options?: Options) => replicas.keep(ref, { mode: 'follow' }, options),
    pin: (ref: string, { version }: { version?: string | undefined } = {}, options?: Options) =>
      replicas.keep(ref, { mode: 'pin', ...(version !== undefined && { version }) }, options),
    transfers: {
      list: async ({ limit = DEFAULT_TRANSFERS, cursor }: { limit?: number; cursor?: string } = {}) => {
        const order = ({ created, id }: TransferView) => [String(MAX_MS - Date.parse(created)), id]
        return pageOf(replicas.list(), order, { limit, cursor }, 'transfers')
      },
      show: async (id: string) => replicas.show(id),
      pause: (id: string) => replicas.pause(id),
      resume: (id: string) => replicas.resume(id),
      cancel: (id: string) => replicas.cancel(id),
      priority: (id: string, { priority }: { priority: TransferView['priority'] }) => replicas.prioritise(id, priority),
    },
  }
}

/** So that later times come first; all differences have as many digits. */
const MAX_MS = 9_999_999_999_999
