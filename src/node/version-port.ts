/** The functions of an island about versions of datasets, for its web service. */
import { ArchipelError } from '../protocols/model/errors.ts'
import type { UpdateRequest } from '../protocols/model/versions.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { PublishOptions } from './datasets/publishing.ts'
import type { ResolverPort } from './resolve/resolver.ts'

export interface VersionPortComponents {
  self: string
  datasets: Pick<DatasetsPort, 'update'>
  resolver: Pick<ResolverPort, 'locate' | 'one'>
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

export function versionPort(components: VersionPortComponents) {
  const { datasets } = components
  return {
    update: async (ref: string, request: UpdateRequest = {}, options: PublishOptions = {}) =>
      await datasets.update(await publishedId(components, ref), request, options),
  }
}
