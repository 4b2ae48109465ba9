import { z } from 'zod'
import { ArchipelError } from './errors.ts'

/** An island's id: `isl` + lower-case base32 (RFC 4648, no padding) of the first 20 bytes of the hash of its first card. */
export const ISLAND_ID = /^isl[a-z2-7]{32}$/
export const islandId = z.string().regex(ISLAND_ID, 'an island id is "isl" and 32 base32 characters')
export type IslandId = z.infer<typeof islandId>

/** An archipelago's id: `arc` + base32 of the first 20 bytes of the hash of its genesis record. */
export const archipelagoId = z
  .string()
  .regex(/^arc[a-z2-7]{32}$/, 'an archipelago id is "arc" and 32 base32 characters')
export type ArchipelagoId = z.infer<typeof archipelagoId>

/** A dataset's short name: the last part of a default id; what SQL may use bare. */
export const shortName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, 'a name has letters, digits, "_", "-" and ".", at most 128')

export const MAX_ID_LENGTH = 512

const DOI = /^10\.\d{4,9}(?:\.\d+)*\/\S+$/

/**
 * The one spelling of a dataset id. Normalising twice changes nothing.
 * - DOIs lose resolver prefixes and (ASCII) case: ten spellings, one id. Percent-encoding is decoded only where it is
 *   one: in a resolver URL, `info:` and `urn:`, or where the text is no DOI without it.
 * - `ivo:` is lower-cased up to its local part; what follows `?` or `#` names something inside a service and keeps its case.
 * - `urn:` keeps its specific part; scheme and namespace are lower-cased, r-, q- and f-components dropped (RFC 8141, 3.1);
 *   UUIDs are lower-cased (RFC 9562, 4).
 * - `http:` and `https:` are one, normalised as URLs (RFC 3986, 6.2.2), without fragment and closing slash.
 * - `archipel:<island>/<name>` stays.
 *
 * @throws BAD_ID when the text is none of these; a bare short name is not an id (see `parseRef`).
 */
export function normaliseId(text: string): string {
  const raw = text.trim()
  if (raw.length === 0 || raw.length > MAX_ID_LENGTH || /[\p{Cc}\p{Cf}\p{Cs}]/u.test(raw)) throw badId(text)
  const id = normalised(raw)
  // Percent-encoding may have made it longer.
  if (id === undefined || id.length > MAX_ID_LENGTH) throw badId(text)
  return id
}

function normalised(raw: string): string | undefined {
  const doi = doiOf(raw)
  if (doi !== undefined) return `doi:${doi}`
  if (/[\s"<>\\^`{|}]/.test(raw)) return undefined
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(raw)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'ivo':
      return ivoOf(raw)
    case 'urn':
      return urnOf(raw)
    case 'http':
    case 'https':
      return urlOf(raw)
    case 'archipel': {
      const m = /^archipel:(isl[a-z2-7]{32})\/(.+)$/i.exec(raw)
      return m !== null && shortName.safeParse(m[2]).success ? `archipel:${m[1]!.toLowerCase()}/${m[2]}` : undefined
    }
    default:
      return undefined
  }
}

/** IVOA Identifiers 2.0: ASCII, no percent-encoding in the registry part, an authority of three characters or more. */
function ivoOf(raw: string): string | undefined {
  const m = /^ivo:(\/\/[a-z0-9][a-z0-9._~*'()!$&,;=-]{2,}(?:\/[a-z0-9._~*'()!$&,;=:@+/-]*)?)([?#][!-~]*)?$/i.exec(raw)
  return m === null ? undefined : `ivo:${m[1]!.toLowerCase().replace(/\/+$/, '')}${m[2] ?? ''}`
}

function urnOf(raw: string): string | undefined {
  const m = /^urn:([a-z0-9][a-z0-9-]{0,30}[a-z0-9]):([!-~]+)$/i.exec(raw)
  if (m === null) return undefined
  const space = m[1]!.toLowerCase()
  const specific = percent(m[2]!.replace(/\?[+=].*$|#.*$/, ''))
  if (specific === undefined || specific === '' || specific.startsWith('/')) return undefined
  return `urn:${space}:${space === 'uuid' ? specific.toLowerCase() : specific}`
}

function urlOf(raw: string): string | undefined {
  const whole = raw.replace(/#.*$/, '')
  if (percent(whole) === undefined || !URL.canParse(whole)) return undefined
  const url = new URL(whole)
  if (url.username !== '' || url.password !== '' || url.hostname === '') return undefined
  // The port of the scheme is gone after parsing; 443 written after http: goes here.
  url.protocol = 'https:'
  const path = percent(url.pathname, true)!.replace(/\/+$/, '')
  const query = percent(url.search, true)!
  return `https://${url.host}${path}${path === '' && query !== '' ? '/' : ''}${query}`
}

/** Percent-encoding in capitals and, on demand, not where it is needless; undefined when it is broken. */
function percent(text: string, decode = false): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  return text.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return decode && /[A-Za-z0-9._~-]/.test(char) ? char : triplet.toUpperCase()
  })
}

function doiOf(raw: string): string | undefined {
  const encoded = /^(?:(?:https?:\/\/)?(?:dx\.|www\.)?doi\.org\/|info:doi\/|urn:doi:)(.*)$/i.exec(raw)
  if (encoded !== null) return checkedDoi(unescaped(encoded[1]!.replace(/[?#].*$/, '').replace(/^doi:/i, '')))
  const plain = raw.replace(/^doi(?::\s*(?:\/\/)?|\s+)/i, '')
  return checkedDoi(plain) ?? checkedDoi(unescaped(plain))
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function checkedDoi(text: string | undefined): string | undefined {
  if (text === undefined || !DOI.test(text) || /["\p{Cc}\p{Cf}\p{Cs}]/u.test(text)) return undefined
  // Only ASCII letters fold (DOI Handbook, 2.4).
  return text.normalize('NFC').replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
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

/**
 * Whether a publisher's word counts for an id: a default id is a name that its island alone gives, so that an alias of
 * somebody else's does not lead there. Any other id may be claimed by anybody, and where they differ it is ambiguous.
 */
export function mayClaim(publisher: string, id: string): boolean {
  return !id.startsWith('archipel:') || id.startsWith(`archipel:${publisher}/`)
}

/** A usable short name made from a file name or the end of an id: `Bright Stars.csv` -> `Bright_Stars`. */
export function suggestName(text: string): string {
  const base =
    text
      .replace(/[/\\]+$/, '')
      .split(/[/\\:]/)
      .at(-1) ?? ''
  const stem = base.replace(/\.(csv|tsv|txt|parquet|jsonl|ndjson|json|fits|fit|fts)(\.gz)?$/i, '')
  const ascii = stem.normalize('NFKD').replace(/\p{M}+/gu, '')
  const name = ascii
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^[^A-Za-z0-9_]+/, '')
    .slice(0, 128)
    .replace(/[_.-]+$/, '')
  return name === '' ? 'dataset' : name
}
