import { useSignal } from '@preact/signals'
import type { FilePage } from '../../../../protocols/model/views.ts'
import { Problem } from '../../parts/problem.tsx'
import { Scroll } from '../../parts/scroll.tsx'
import { client } from '../../state/client.ts'
import { useLoaded } from '../../state/loaded.ts'
import { count, size } from '../../text/words.ts'

export function Files({ id, version }: { id: string; version: string }) {
  const more = useSignal<FilePage[]>([])
  const { value, error, busy, again } = useLoaded(`${id} ${version}`, (signal) => {
    more.value = []
    return client().files(id, {}, { signal })
  })
  if (error !== undefined) return <Problem error={error} onRetry={again} />
  if (value === undefined) return busy ? <p class="waiting">Asking …</p> : null
  const pages = [value, ...more.value]
  const items = pages.flatMap((page) => page.items)
  const { next } = pages.at(-1)!
  return (
    <>
      <Scroll label="Files" more="tall">
        <table class="grid">
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col">Type</th>
              <th scope="col" class="n">
                Size
              </th>
              <th scope="col">SHA-256</th>
            </tr>
          </thead>
          <tbody>
            {items.map(({ path, bytes, mediaType, sha256 }) => (
              <tr key={path}>
                <th scope="row">
                  <code>{path}</code>
                </th>
                <td>{mediaType}</td>
                <td class="n">{size(bytes)}</td>
                <td>{sha256 === undefined ? '–' : <code title={sha256}>{sha256.slice(0, 16)}…</code>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {next !== undefined && (
        <p>
          {items.length} of {count(value.total, 'file')}{' '}
          <button
            type="button"
            onClick={() =>
              void client()
                .files(id, { cursor: next })
                .then((page) => {
                  more.value = [...more.peek(), page]
                }, again)
            }
          >
            Show more
          </button>
        </p>
      )}
    </>
  )
}
