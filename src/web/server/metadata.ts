import { toCroissant } from '../../protocols/metadata/croissant.ts'
import { toDatacite } from '../../protocols/metadata/datacite.ts'
import { toDcat } from '../../protocols/metadata/dcat.ts'
import { toProvJson, toProvO } from '../../protocols/metadata/prov.ts'
import type { DatasetView } from '../../protocols/model/views.ts'
import type { MetadataFormat } from '../contract/inputs.ts'

/** A dataset in a metadata format, with the media type of that format. */
export function datasetMetadata(view: DatasetView, format: MetadataFormat): { mediaType: string; document: object } {
  switch (format) {
    case 'dcat':
      return { mediaType: 'application/ld+json', document: toDcat(view) }
    case 'croissant':
      return { mediaType: 'application/ld+json', document: toCroissant(view) }
    case 'datacite':
      return { mediaType: 'application/vnd.datacite.datacite+json', document: toDatacite(view) }
    case 'prov':
      // The submission registers no media type of its own.
      return { mediaType: 'application/json', document: toProvJson(view) }
    case 'prov-o':
      return { mediaType: 'application/ld+json', document: toProvO(view) }
    case 'json':
      return { mediaType: 'application/json', document: view }
  }
}
