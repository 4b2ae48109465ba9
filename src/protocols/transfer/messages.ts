import { z } from 'zod'
import { MAX_PATH_BYTES } from '../manifest/paths.ts'
import { HASH_BYTES, MAX_PIECES } from '../manifest/pieces.ts'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

/** Ranges of one request. */
export const MAX_RANGES = 128
/** Bytes of all ranges of one request together: more than the largest piece of a file of 4 TiB. */
export const MAX_REQUEST_BYTES = 1024 ** 3
/** Bytes of one item of an answer. */
export const RANGE_CHUNK_BYTES = 256 * 1024
/** Bytes that a provider reads, and looks at the file after, at once: a multiple of the former. */
export const RANGE_READ_BYTES = 1024 * 1024
/** Paths of one request for piece tables. */
export const MAX_TABLES = 64
/** Bytes of the bits of a version's files. */
const MAX_BITS_BYTES = 8 * 1024 * 1024

const pinned = { dataset: z.string().max(MAX_ID_LENGTH), version: z.string().regex(/^[0-9a-f]{64}$/) }
const path = z.string().min(1).max(MAX_PATH_BYTES)
const natural = z.number().int().nonnegative()
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array)

/** A part of one file. It lies within the file, or the request is refused. */
export const fileRange = z.object({ path, offset: natural, length: natural.max(MAX_REQUEST_BYTES) })
export type FileRange = z.infer<typeof fileRange>

export const rangesRequest = z.object({ ...pinned, ranges: z.array(fileRange).min(1).max(MAX_RANGES) })
export type RangesRequest = z.infer<typeof rangesRequest>

/** The next bytes of the range with that number. Ranges come in the order of the request, each from its beginning. */
export const rangeItem = z.object({ range: natural.max(MAX_RANGES - 1), bytes })
export type RangeItem = z.infer<typeof rangeItem>

/** Bytes of files of a version that the asked island holds. */
export const rangesSpec: ProtocolSpec<RangesRequest, RangeItem> = {
  name: 'transfer-ranges',
  version: 1,
  request: rangesRequest,
  item: rangeItem,
  answer: 'series',
  maxRequestBytes: MAX_RANGES * (MAX_PATH_BYTES + 64) + 4 * 1024,
  maxItemBytes: RANGE_CHUNK_BYTES + 1024,
  maxItems: MAX_REQUEST_BYTES / RANGE_CHUNK_BYTES + MAX_RANGES,
  timeoutMs: 30_000,
  quota: { concurrent: 8, perMinute: 6000 },
  views: true,
  strangers: false,
}

/** Patterns of files of one capability, and characters of all of them: it is sent in a header. */
export const MAX_CAPABILITY_PATTERNS = 32
export const MAX_CAPABILITY_CHARS = 2048
/** Bytes of a capability. */
export const MAX_CAPABILITY_BYTES = 6 * 1024

export const capabilityRequest = z.object({
  ...pinned,
  /** Patterns of the files that will be asked for; none: all. */
  files: z
    .array(z.string().min(1).max(500))
    .max(MAX_CAPABILITY_PATTERNS)
    .refine((all) => all.join('').length <= MAX_CAPABILITY_CHARS, 'too long'),
})
export type CapabilityRequest = z.infer<typeof capabilityRequest>

/** See `capability.ts`; good for so many milliseconds from now. */
export const capabilityAnswer = z.object({
  capability: bytes.refine((value) => value.length <= MAX_CAPABILITY_BYTES, 'too long'),
  validMs: natural,
})
export type CapabilityAnswer = z.infer<typeof capabilityAnswer>

/** Leave to ask the same island for ranges by HTTPS. */
export const capabilitySpec: ProtocolSpec<CapabilityRequest, CapabilityAnswer> = {
  name: 'transfer-capability',
  version: 1,
  request: capabilityRequest,
  item: capabilityAnswer,
  answer: 'single',
  maxRequestBytes: 16 * 1024,
  maxItemBytes: MAX_CAPABILITY_BYTES + 1024,
  maxItems: 1,
  timeoutMs: 20_000,
  quota: { concurrent: 4, perMinute: 300 },
  strangers: false,
}

export const haveRequest = z.object(pinned)
export type HaveRequest = z.infer<typeof haveRequest>

/** Which files of a version: all, or those whose bit is set, in the order of the manifest; the first file is the lowest bit of the first byte. */
export const haveAnswer = z.object({
  files: natural,
  bits: bytes.refine((value) => value.length <= MAX_BITS_BYTES, 'too long').optional(),
})
export type HaveAnswer = z.infer<typeof haveAnswer>

/** Exactly which files of a version the asked island holds. */
export const haveSpec: ProtocolSpec<HaveRequest, HaveAnswer> = {
  name: 'transfer-have',
  version: 1,
  request: haveRequest,
  item: haveAnswer,
  answer: 'single',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: MAX_BITS_BYTES + 1024,
  maxItems: 1,
  timeoutMs: 20_000,
  quota: { concurrent: 4, perMinute: 300 },
  strangers: false,
}

export const tablesRequest = z.object({ ...pinned, paths: z.array(path).min(1).max(MAX_TABLES) })
export type TablesRequest = z.infer<typeof tablesRequest>

export const tableItem = z.object({
  /** Number of the path in the request. */
  path: natural.max(MAX_TABLES - 1),
  table: bytes.refine((value) => value.length <= MAX_PIECES * HASH_BYTES, 'too long'),
})
export type TableItem = z.infer<typeof tableItem>

/** Piece tables of files of more than one piece; of others the manifest says it all. Who asks checks them against the manifest. */
export const tablesSpec: ProtocolSpec<TablesRequest, TableItem> = {
  name: 'transfer-tables',
  version: 1,
  request: tablesRequest,
  item: tableItem,
  answer: 'series',
  maxRequestBytes: MAX_TABLES * (MAX_PATH_BYTES + 16) + 4 * 1024,
  maxItemBytes: MAX_PIECES * HASH_BYTES + 1024,
  maxItems: MAX_TABLES,
  timeoutMs: 30_000,
  quota: { concurrent: 4, perMinute: 1200 },
  strangers: false,
}

/** Whether bit `index` is set. */
export function hasBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

export function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7))
}

/** Bits for so many things, none set. */
export function noBits(count: number): Uint8Array {
  return new Uint8Array(Math.ceil(count / 8))
}
