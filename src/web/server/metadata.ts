import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetView } from '../../protocols/model/views.ts'
import type { MetadataFormat } from '../contract/inputs.ts'

/** A dataset in a metadata format, with the media type of that format. */
export function datasetMetadata(view: DatasetView, format: MetadataFormat): { mediaType: string; document: object } {
  if (format === 'json') return { mediaType: 'application/json', document: view }
  throw new ArchipelError('NOT_FOUND', `the format ${format} is not available yet`)
}
