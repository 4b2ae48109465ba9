import { useSignal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { TableFormat } from '../../../protocols/model/task.ts'
import { api, credentials } from '../api.ts'
import { shortTask } from '../text/words.ts'
import { Problem } from './problem.tsx'

const FORMATS: [TableFormat, string][] = [
  ['csv', 'CSV'],
  ['parquet', 'Parquet'],
  ['arrow', 'Arrow'],
  ['json', 'JSON'],
  ['ndjson', 'NDJSON'],
]

function save(href: string, name: string): void {
  const link = document.createElement('a')
  link.href = href
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
}

/**
 * Saves a file of the island. With a cookie the browser fetches it by itself, however large it is; with a token the
 * page has to, and holds it in memory meanwhile.
 */
export async function download(path: string, name: string): Promise<void> {
  if (credentials.token === undefined) return save(path, name)
  const url = URL.createObjectURL(await api.blob(path))
  save(url, name)
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** The table in formats that other programs read. */
export function Downloads({ task, name }: { task: string; name: string | undefined }) {
  const failed = useSignal<ArchipelError | undefined>(undefined)
  return (
    <div class="downloads">
      <fieldset>
        <legend>Save as</legend>
        {FORMATS.map(([format, word]) => (
          <button
            type="button"
            class="quiet"
            key={format}
            onClick={() => {
              failed.value = undefined
              download(api.tablePath(task, format), `${name ?? shortTask(task)}.${format}`).catch((cause) => {
                failed.value = toArchipelError(cause)
              })
            }}
          >
            {word}
          </button>
        ))}
      </fieldset>
      {failed.value !== undefined && <Problem error={failed.value} />}
    </div>
  )
}
