import { z } from 'zod'
import { ArchipelError } from './errors.ts'

/** An island's id: `isl` + lower-case base32 (RFC 4648, no padding) of the first 20 bytes of the hash of its first card. */
export const islandId = z.string().regex(/^isl[a-z2-7]{32}$/, 'an island id is "isl" and 32 base32 characters')
export type IslandId = z.infer<typeof islandId>

/** An archipelago's id: `arc` + base32 of the first 20 bytes of the hash of its genesis record. */
export const archipelagoId = z.string().regex(/^arc[a-z2-7]{32}$/, 'an archipelago id is "arc" and 32 base32 characters')
export type ArchipelagoId = z.infer<typeof archipelagoId>

/** A dataset's short name: the last part of a default id; what SQL may use bare. */
export const shortName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, 'a name has letters, digits, "_", "-" and ".", at most 128')

export const MAX_ID_LENGTH = 512

const DOI = /^10\.\d{4,9}(?:\.\d+)*\/\S+$/

/**
 * The one spelling of a dataset id. DOIs lose resolver prefixes and case (ten spellings, one id); `ivo:` is
 * lower-cased (IVOA Identifiers 2.0, 2.2: compared without regard to case); `urn:` keeps its specific part, with scheme and
 * namespace lower-cased (RFC 8141, 3.1); `https:` is normalised as a URL; `archipel:<island>/<name>` stays.
 *
 * @throws BAD_ID when the text is none of these; a bare short name is not an id (see `parseRef`).
 */
export function normaliseId(text: string): string {
  const raw = text.trim()
  if (raw.length === 0 || raw.length > MAX_ID_LENGTH) throw badId(text)
  const doi = doiOf(raw)
  if (doi !== undefined) return `doi:${doi}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\s\u0000-\u001f"<>\\^`{|}\u007f]/.test(raw)) throw badId(text)
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(raw)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'ivo': {
      const rest = raw.slice(4).toLowerCase()
      if (!/^\/\/[a-z0-9][a-z0-9._~*'()!$&,;=-]{2,}(\/.*)?$/.test(rest)) throw badId(text)
      return `ivo:${rest.replace(/\/+$/, '')}`
    }
    case 'urn': {
      const m = /^urn:([a-z0-9][a-z0-9-]{0,31}):(.+)$/i.exec(raw)
      if (m === null) throw badId(text)
      return `urn:${m[1]!.toLowerCase()}:${m[2]!}`
    }
    case 'http':
    case 'https': {
      if (!URL.canParse(raw)) throw badId(text)
      const url = new URL(raw)
      if (url.username !== '' || url.password !== '' || url.hostname === '') throw badId(text)
      url.hash = ''
      url.protocol = 'https:'
      if (url.port === '80' || url.port === '443') url.port = ''
      return url.href.replace(/\/$/, '')
    }
    case 'archipel': {
      const m = /^archipel:(isl[a-z2-7]{32})\/(.+)$/.exec(raw)
      if (m === null || !shortName.safeParse(m[2]).success) throw badId(text)
      return raw
    }
    default:
      throw badId(text)
  }
}

function doiOf(raw: string): string | undefined {
  let rest = raw.replace(/^(?:https?:\/\/)?(?:dx\.|www\.)?doi\.org\//i, '')
  rest = rest.replace(/^(?:info:doi\/|urn:doi:|doi:\s*(?:\/\/)?|doi\s+)/i, '')
  if (/%[0-9a-f]{2}/i.test(rest)) {
    try {
      rest = decodeURIComponent(rest)
    } catch {
      return undefined
    }
  }
  rest = rest.replace(/[?#].*$/, '')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return DOI.test(rest) && !/[\u0000-\u001f"\u007f]/.test(rest) ? rest.toLowerCase() : undefined
}

function badId(text: string): ArchipelError {
  return new ArchipelError('BAD_ID', `not a dataset id: ${JSON.stringify(text.slice(0, 120))}`)
}

/** What a user typed where a dataset is meant: an id in any spelling, or a short name. */
export type DatasetRef = { id: string } | { name: string }

/** @throws BAD_ID when it is neither an id nor a short name. */
export function parseRef(text: string): DatasetRef {
  const raw = text.trim()
  if (!raw.includes(':') && !raw.includes('/') && shortName.safeParse(raw).success) return { name: raw }
  return { id: normaliseId(raw) }
}

export function defaultDatasetId(island: IslandId, name: string): string {
  return normaliseId(`archipel:${island}/${name}`)
}

/** A usable short name made from a file name or the end of an id: `Bright Stars.csv` -> `Bright_Stars`. */
export function suggestName(text: string): string {
  const base = text.replace(/[/\\]+$/, '').split(/[/\\:]/).at(-1) ?? ''
  const stem = base.replace(/\.(csv|tsv|txt|parquet|jsonl|ndjson|json|fits|fit|fts)(\.gz)?$/i, '')
  const name = stem.normalize('NFKD').replace(/[^A-Za-z0-9_.-]+/g, '_').replace(/^[^A-Za-z0-9_]+/, '').slice(0, 128)
  return name === '' ? 'dataset' : name
}
