import { useSignal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { TableFormat } from '../../../protocols/model/task.ts'
import { download } from '../state/files.ts'
import { shortTask } from '../text/words.ts'
import { Problem } from './problem.tsx'

const FORMATS: [TableFormat, string][] = [
  ['csv', 'CSV'],
  ['parquet', 'Parquet'],
  ['arrow', 'Arrow'],
  ['json', 'JSON'],
  ['ndjson', 'NDJSON'],
]

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
              download({ task, format }, `${name ?? shortTask(task)}.${format}`).catch((cause) => {
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
