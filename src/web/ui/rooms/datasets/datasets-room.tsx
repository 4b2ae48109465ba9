import { Dataset } from './dataset.tsx'
import { DatasetSearch } from './dataset-search.tsx'

/** `/datasets` searches, `/datasets/{id}` shows one. */
export function DatasetsRoom({ rest }: { rest: string[] }) {
  return rest[0] === undefined ? <DatasetSearch /> : <Dataset key={rest[0]} reference={rest[0]} />
}
