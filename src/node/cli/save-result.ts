/** Saving a result: a table in a format, one item, or all of it in a folder. Written beside its place, then renamed. */
import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { type ResultMeta, TABLE_ITEM, type TableFormat, tableFormat } from '../../protocols/model/task.ts'
import type { TaskView } from '../../protocols/model/views.ts'
import type { IslandClient } from '../../web/client/index.ts'

export interface Saved {
  path: string
  bytes: number
}

type Target = { folder: string } | { file: string; ending: string }

/** Table formats by the ending of a file. */
const FORMATS: Record<string, TableFormat> = {
  ...Object.fromEntries(tableFormat.options.map((format) => [`.${format}`, format])),
  '.jsonl': 'ndjson',
  '.arrows': 'arrow',
}

function failed(path: string, cause: unknown): ArchipelError {
  if (cause instanceof ArchipelError) return cause
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC' || typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return toArchipelError(cause)
  return new ArchipelError('BAD_INPUT', `--output: ${path} cannot be written (${code})`, { cause })
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isDirectory(),
    () => false,
  )
}

/**
 * What `--output` names; looked at before anything is run, so that no result is lost to a mistake in it. `tableOnly`: the
 * result can be nothing but a table. @throws BAD_INPUT
 */
export async function targetOf(output: string, { tableOnly }: { tableOnly: boolean }): Promise<Target> {
  if (/[/\\]$/.test(output) || (await isFolder(output))) return { folder: resolve(output) }
  const file = resolve(output)
  const ending = extname(file).toLowerCase()
  if (ending === '' || (tableOnly && FORMATS[ending] === undefined))
    throw new ArchipelError('BAD_INPUT', `--output: ${JSON.stringify(output)} has no ending that says how to save it`, {
      hint: `A table is saved as ${Object.keys(FORMATS).join(', ')}; <folder>/ takes all of a result.`,
    })
  if (!(await isFolder(dirname(file))))
    throw new ArchipelError('BAD_INPUT', `--output: there is no folder ${dirname(file)}`)
  return { file, ending }
}

/** Beside its place first, so that a file that is there is whole. @throws BAD_INPUT, DISK_FULL, and what the chunks throw */
export async function saveBytes(path: string, chunks: AsyncIterable<Uint8Array>): Promise<Saved> {
  const part = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.part`)
  let bytes = 0
  try {
    const handle = await open(part, 'wx')
    try {
      for await (const chunk of chunks) {
        await handle.writeFile(chunk)
        bytes += chunk.byteLength
      }
    } finally {
      await handle.close()
    }
    await rename(part, path)
  } catch (cause) {
    await rm(part, { force: true })
    throw failed(path, cause)
  }
  return { path, bytes }
}

/** The place of an item below a folder. Names come from code that somebody sent. @throws PROTOCOL */
function placeOf(folder: string, name: string): string {
  const parts = name.split('/')
  const plain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part))
  if (!plain) throw new ArchipelError('PROTOCOL', `the result has an item with the name ${JSON.stringify(name)}`)
  return join(folder, ...parts)
}

function itemNamed({ items }: ResultMeta, ending: string): string {
  const fitting = items.filter((item) => item.name !== TABLE_ITEM && extname(item.name).toLowerCase() === ending)
  if (fitting.length === 1) return fitting[0]!.name
  const names = items.map((item) => item.name).join(', ') || 'nothing'
  throw new ArchipelError(
    'BAD_INPUT',
    fitting.length === 0
      ? `the result ${FORMATS[ending] === undefined ? `has no ${ending}` : 'is no table'}, but ${names}`
      : `the result has ${fitting.length} items with ${ending}`,
    { hint: 'Save all of it: --output <folder>/' },
  )
}

/** @throws BAD_INPUT (nothing fits), DISK_FULL, and what reading throws */
export async function saveResult(
  client: IslandClient,
  { id, result }: Pick<TaskView, 'id' | 'result'>,
  target: Target,
  signal: AbortSignal,
): Promise<Saved[]> {
  if (result === undefined) return []
  const table = async (path: string, format: TableFormat) =>
    saveBytes(path, (await client.tasks.table(id, format, { signal })).body)
  const item = (path: string, name: string) => saveBytes(path, client.tasks.read(id, name, { signal }))
  if ('file' in target) {
    const format = FORMATS[target.ending]
    if (format !== undefined && result.table !== undefined) return [await table(target.file, format)]
    return [await item(target.file, itemNamed(result, target.ending))]
  }
  const saved: Saved[] = []
  try {
    await mkdir(target.folder, { recursive: true })
    for (const { name } of result.items) {
      const path = placeOf(target.folder, name)
      await mkdir(dirname(path), { recursive: true })
      saved.push(name === TABLE_ITEM ? await table(join(target.folder, 'table.csv'), 'csv') : await item(path, name))
    }
  } catch (cause) {
    throw failed(target.folder, cause)
  }
  return saved
}
