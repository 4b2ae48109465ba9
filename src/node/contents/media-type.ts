/** Types of the files that scientists publish, by the last part of their names. IANA's where there is one. */
const TYPES = new Map(
  Object.entries({
    csv: 'text/csv',
    tsv: 'text/tab-separated-values',
    txt: 'text/plain',
    dat: 'text/plain',
    md: 'text/markdown',
    json: 'application/json',
    jsonl: 'application/x-ndjson',
    ndjson: 'application/x-ndjson',
    parquet: 'application/vnd.apache.parquet',
    arrow: 'application/vnd.apache.arrow.file',
    fits: 'application/fits',
    fit: 'application/fits',
    fts: 'application/fits',
    vot: 'application/x-votable+xml',
    votable: 'application/x-votable+xml',
    xml: 'application/xml',
    h5: 'application/x-hdf5',
    hdf5: 'application/x-hdf5',
    nc: 'application/x-netcdf',
    pdf: 'application/pdf',
    png: 'image/png',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gz: 'application/gzip',
    zip: 'application/zip',
    tar: 'application/x-tar',
  }),
)

/** By the name alone; the bytes are not looked at. */
export function mediaTypeOf(path: string): string {
  return TYPES.get(/\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? '') ?? 'application/octet-stream'
}
