import { join } from 'node:path'
import { z } from 'zod'
import { pathProblem } from '../../../protocols/manifest/paths.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type ResultMeta, resultMeta, TABLE_ITEM } from '../../../protocols/model/task.ts'
import type { SpoolKey } from '../port.ts'

/**
 * The folder of an attempt: `table.ndjson` and `table.index`, `item-<position>` for the others, `log`, and `meta.json`,
 * which is written last: without it there is no result. Names that a program gave are in `meta.json` only.
 */
export const META_FILE = 'meta.json'
export const LOG_FILE = 'log'
export const INDEX_FILE = 'table.index'

/** Rows from one entry of the index to the next. */
export const INDEX_ROWS = 1000

/** `meta.json`. */
const metaFile = z.object({
  v: z.literal(1),
  meta: resultMeta,
  /** Base64 of the items that have no file. */
  inline: z.record(z.string(), z.string()),
})

export interface Stored {
  meta: ResultMeta
  inline: Map<string, Buffer>
}

export function encodeStored({ meta, inline }: Stored): Buffer {
  const file: z.infer<typeof metaFile> = {
    v: 1,
    meta,
    inline: Object.fromEntries([...inline].map(([name, bytes]) => [name, bytes.toString('base64')])),
  }
  return Buffer.from(JSON.stringify(file))
}

/** Undefined when it is not what `encodeStored` made. */
export function decodeStored(bytes: Buffer): Stored | undefined {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  const parsed = metaFile.safeParse(value)
  if (!parsed.success) return undefined
  const inline = Object.entries(parsed.data.inline).map(([name, text]) => [name, Buffer.from(text, 'base64')] as const)
  return { meta: parsed.data.meta, inline: new Map(inline) }
}

const TASK_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

/** One text for a key. @throws BAD_INPUT */
export function keyText({ task, attempt }: SpoolKey): string {
  if (!TASK_NAME.test(task) || !Number.isSafeInteger(attempt) || attempt < 1)
    throw new ArchipelError('BAD_INPUT', 'not the id of a task and the number of an attempt')
  return `${task}/${attempt}`
}

/** The keys that a folder `<task>/<attempt>` can stand for; undefined for what the spool did not make. */
export function keyOf(task: string, attempt: string): SpoolKey | undefined {
  return TASK_NAME.test(task) && /^[1-9]\d{0,8}$/.test(attempt) ? { task, attempt: Number(attempt) } : undefined
}

export function itemFile(folder: string, name: string, position: number): string {
  return join(folder, name === TABLE_ITEM ? TABLE_ITEM : `item-${position}`)
}

/** `log` is what the log is read by between islands; longer names could not be saved. */
const MAX_NAME = 255

/**
 * Why a text cannot name an item of a result, or undefined when it can: a plain relative path (see `pathProblem`) of at
 * most 255 characters, no part longer than file systems allow, no drive letter, not `log`.
 */
export function itemNameProblem(name: string): string | undefined {
  const problem = pathProblem(name)
  if (problem !== undefined) return problem
  if (name.length > MAX_NAME || name.split('/').some((part) => Buffer.byteLength(part) > MAX_NAME))
    return `it is longer than ${MAX_NAME} characters`
  if (/^[A-Za-z]:/.test(name)) return 'it begins with a drive letter'
  return name === LOG_FILE ? 'it is the name of the log' : undefined
}

/** The main thing of a result, by its items. */
export function kindOf(items: { name: string; mediaType: string }[]): ResultMeta['kind'] {
  if (items.length === 0) return 'none'
  if (items.some((item) => item.name === TABLE_ITEM)) return 'table'
  if (items.some((item) => item.mediaType.startsWith('image/'))) return 'image'
  if (items.some((item) => item.name === 'value.json')) return 'json'
  return items.some((item) => item.name === 'text.txt') ? 'text' : 'files'
}
