/** Files of a result: as something to show, and as something to save. */
import type { TableFormat } from '../../../protocols/model/task.ts'
import { client, hasCookie } from './client.ts'

/** A file of the result of a task: one of its items, or its table in a format. */
export type ResultFile = { task: string; item: string } | { task: string; format: TableFormat }

function address(file: ResultFile): string {
  const task = `/api/v1/tasks/${encodeURIComponent(file.task)}`
  return 'item' in file ? `${task}/items/${encodeURIComponent(file.item)}` : `${task}/table?format=${file.format}`
}

/** All of it, in memory. */
export async function blobOf(file: ResultFile, { signal }: { signal?: AbortSignal } = {}): Promise<Blob> {
  const { tasks } = client()
  const bytes =
    'item' in file
      ? tasks.read(file.task, file.item, { signal })
      : (await tasks.table(file.task, file.format, { signal })).body
  const parts: BlobPart[] = []
  for await (const chunk of bytes) parts.push(chunk as Uint8Array<ArrayBuffer>)
  return new Blob(parts)
}

function save(href: string, name: string): void {
  const link = document.createElement('a')
  link.href = href
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
}

/** Milliseconds that the browser has to take a file out of memory. */
const KEEP_MS = 60_000

/**
 * Saves a file of the island. With a cookie the browser fetches it by itself, however large it is; with a token the
 * page has to, and holds it in memory meanwhile.
 */
export async function download(file: ResultFile, name: string): Promise<void> {
  if (hasCookie()) return save(address(file), name)
  const url = URL.createObjectURL(await blobOf(file))
  save(url, name)
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS)
}
