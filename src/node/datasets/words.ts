/** What a dataset keeps when it is published again. */
import { type DatasetBody, MAX_EARLIER_VERSIONS } from '../../protocols/model/dataset.ts'
import type { PublishRequest } from '../../protocols/model/views.ts'

/** Publishing again changes what is given and what is read from the files; words given before stay. */
export function keepGiven(request: PublishRequest, next: DatasetBody, before: DatasetBody): DatasetBody {
  const kept: DatasetBody = { ...next, created: before.created }
  if (request.title === undefined) kept.title = before.title
  if (request.description === undefined && before.description !== undefined) kept.description = before.description
  if (request.keywords === undefined || request.keywords.length === 0) kept.keywords = before.keywords
  if (request.licence === undefined && before.licence !== undefined) kept.licence = before.licence
  if (request.origin === undefined && before.origin !== undefined) kept.origin = before.origin
  if (request.creators === undefined || request.creators.length === 0) kept.creators = before.creators
  if (request.aliases === undefined || request.aliases.length === 0) kept.aliases = before.aliases
  if (before.provenance !== undefined && next.provenance === undefined && next.version === before.version)
    kept.provenance = before.provenance
  return kept
}

/** The versions before it: that of `before` first, none twice, the oldest left out when there are too many. */
export function withPrevious(next: DatasetBody, before: DatasetBody): DatasetBody {
  const { previous: _, ...rest } = next
  const { version, modified, files, size } = before
  const earlier = [{ version, modified, files, size }, ...(before.previous ?? [])]
    .filter((each) => each.version !== next.version)
    .slice(0, MAX_EARLIER_VERSIONS)
  return earlier.length === 0 ? rest : { ...rest, previous: earlier }
}
