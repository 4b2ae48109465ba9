import type { DatasetBody } from '../model/dataset.ts'
import type { DatasetView } from '../model/views.ts'

/** What there is to export of a dataset. */
export type Exported = Pick<DatasetView, 'id' | 'publisher' | 'body' | 'holders'>

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined }
export type JsonObject = { [key: string]: Json | undefined }

/** An IRI for a normalised id: DOIs by their resolver, others as they are, with what no IRI may have encoded. */
export function iriOf(id: string): string {
  if (id.startsWith('doi:'))
    return `https://doi.org/${id.slice(4).replace(/[\s"<>\\^`{|}%#?[\]]/g, (c) => encodeURIComponent(c))}`
  return id.replace(/[\s"<>\\^`{|}]/g, (c) => encodeURIComponent(c))
}

/** An SPDX id, or a URL as it is. */
export function licenceIri(licence: string): string | undefined {
  if (/^https?:\/\/\S+$/.test(licence)) return licence
  return isSpdx(licence) ? `https://spdx.org/licenses/${licence}` : undefined
}

export function isSpdx(licence: string): boolean {
  return /^(?!LicenseRef-|DocumentRef-)[A-Za-z0-9][A-Za-z0-9.+-]{1,63}$/.test(licence)
}

const MEDIA_TYPES: Record<DatasetBody['format'], string> = {
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
  jsonl: 'application/jsonl',
  fits: 'application/fits',
  files: 'application/octet-stream',
}

export function mediaType(body: DatasetBody): string {
  return body.format === 'csv' && body.dialect?.delimiter === '\t'
    ? 'text/tab-separated-values'
    : MEDIA_TYPES[body.format]
}

export function orcidIri(orcid: string): string {
  return `https://orcid.org/${orcid}`
}

/** Words for a part of the sky. Celestial positions are not geography, so they are never put as latitude and longitude. */
export function skyText(body: DatasetBody): string | undefined {
  const box = body.coverage?.spatial?.box
  return (
    box &&
    `ICRS, right ascension ${box.raMin} to ${box.raMax} degrees, declination ${box.decMin} to ${box.decMax} degrees`
  )
}

/** Without the keys that have no value or an empty list. */
export function compact<T extends JsonObject>(object: T): T {
  const kept = Object.entries(object).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  )
  return Object.fromEntries(kept) as T
}
