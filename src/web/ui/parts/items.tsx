import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { ResultItem } from '../../../protocols/model/task.ts'
import { blobOf, download } from '../state/files.ts'
import { useLoaded } from '../state/loaded.ts'
import { size } from '../text/words.ts'
import { Problem } from './problem.tsx'
import { TextBox } from './text-box.tsx'

/** Bytes of an item that is shown; a larger one is saved. */
const MAX_SHOWN = 20_000_000
const MAX_TEXT = 1_000_000

/** Texts and images of a result are shown, everything can be saved. */
export function Items({ task, items }: { task: string; items: ResultItem[] }) {
  return (
    <ul class="items">
      {items.map((item) => (
        <li key={item.name}>
          <div class="toolbar">
            <code>{item.name}</code>
            <span class="note grow">
              {item.mediaType}, {size(item.bytes)}
            </span>
            <button
              type="button"
              class="quiet"
              onClick={() => void download({ task, item: item.name }, item.name.split('/').at(-1)!).catch(() => {})}
            >
              Save
            </button>
          </div>
          <Shown task={task} item={item} />
        </li>
      ))}
    </ul>
  )
}

function Shown({ task, item }: { task: string; item: ResultItem }) {
  const isText = /^(text\/|application\/json)/.test(item.mediaType)
  if (item.mediaType.startsWith('image/') && item.bytes <= MAX_SHOWN) return <Picture task={task} item={item} />
  if (isText && item.bytes <= MAX_TEXT) return <Text task={task} item={item} />
  return null
}

function Text({ task, item }: { task: string; item: ResultItem }) {
  const file = { task, item: item.name }
  const { value, error, again } = useLoaded(`${task} ${item.name}`, async (signal) =>
    (await blobOf(file, { signal })).text(),
  )
  if (error !== undefined) return <Problem error={error} onRetry={again} />
  return <TextBox label={item.name} text={value ?? '…'} />
}

function Picture({ task, item }: { task: string; item: ResultItem }) {
  const file = { task, item: item.name }
  const { value, error, again } = useLoaded(`${task} ${item.name}`, (signal) => blobOf(file, { signal }))
  const url = useSignal<string | undefined>(undefined)
  useEffect(() => {
    if (value === undefined) return
    const made = URL.createObjectURL(new Blob([value], { type: item.mediaType }))
    url.value = made
    return () => URL.revokeObjectURL(made)
  }, [value])
  if (error !== undefined) return <Problem error={error} onRetry={again} />
  return url.value === undefined ? null : <img class="picture" src={url.value} alt={`${item.name}, made by the task`} />
}
