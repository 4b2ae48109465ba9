/** The functions of an island about versions of datasets, for its web service. */
import { ArchipelError } from '../protocols/model/errors.ts'
import type { DatasetVersions, DiffRequest, VersionDiff, VersionView } from '../protocols/model/versions.ts'
import type { DatasetView, UpdateRequest } from '../protocols/model/views.ts'
import type { Contents } from './contents/contents.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { PublishOptions } from './datasets/publishing.ts'
import type { ResolverPort } from './resolve/resolver.ts'

export interface VersionPortComponents {
  self: string
  datasets: Pick<DatasetsPort, 'update'>
  resolver: Pick<ResolverPort, 'locate' | 'one'>
  contents: Pick<Contents, 'diff'>
  /** Aborts when the island stops. */
  signal: AbortSignal
}

/** The id of a dataset that this island publishes. @throws DATASET_NOT_FOUND, AMBIGUOUS */
export async function publishedId(
  { self, resolver }: Pick<VersionPortComponents, 'self' | 'resolver'>,
  ref: string,
): Promise<string> {
  const located = (await resolver.locate(ref, { via: 'catalog', confirm: false })).filter((l) => l.publisher === self)
  if (located.length === 0)
    throw new ArchipelError('DATASET_NOT_FOUND', `this island does not publish ${ref.slice(0, 200)}`)
  return resolver.one(ref, located).id
}

/** @param view the dataset that is meant, from the catalog */
export function versionPort(components: VersionPortComponents, view: (ref: string) => Promise<DatasetView>) {
  const { datasets, contents } = components
  const signalOf = (signal: AbortSignal | undefined) =>
    signal === undefined ? components.signal : AbortSignal.any([components.signal, signal])
  return {
    update: async (ref: string, request: UpdateRequest = {}, options: PublishOptions = {}) =>
      await datasets.update(await publishedId(components, ref), request, options),
    async versions(ref: string): Promise<DatasetVersions> {
      const found = await view(ref)
      return { id: found.id, publisher: found.publisher, items: versionsOf(found) }
    },
    async diff(ref: string, request: DiffRequest, options: { signal?: AbortSignal } = {}): Promise<VersionDiff> {
      const found = await view(ref)
      const known = versionsOf(found)
      const from = meant(known, request.from)
      const to = request.to === undefined ? found.body.version : meant(known, request.to)
      const { id, publisher } = found
      return {
        id,
        publisher,
        from,
        to,
        ...(await contents.diff(found, { from, to }, request, signalOf(options.signal))),
      }
    },
  }
}

/** Those that the publisher names, and those that islands hold. */
function versionsOf({ body, holders }: DatasetView): VersionView[] {
  const { version, modified, files, size, previous = [] } = body
  const named = [{ version, modified, files, size }, ...previous]
  const others = [...new Set(holders.map((h) => h.version))].filter((v) => named.every((n) => n.version !== v))
  return [...named, ...others.map((each) => ({ version: each }))].map((each) => ({
    ...each,
    current: each.version === version,
    holders: holders.filter((h) => h.version === each.version),
  }))
}

/** @throws NOT_FOUND, AMBIGUOUS */
function meant(known: VersionView[], beginning: string): string {
  const found = known.map((each) => each.version).filter((version) => version.startsWith(beginning.toLowerCase()))
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new ArchipelError('NOT_FOUND', `no version ${beginning.slice(0, 64)} of it is known`, {
      hint: '`archipel show <dataset> --versions` lists them.',
    })
  throw new ArchipelError('AMBIGUOUS', `several versions begin with ${beginning.slice(0, 64)}`, {
    details: { candidates: found },
    hint: 'Give more digits.',
  })
}
