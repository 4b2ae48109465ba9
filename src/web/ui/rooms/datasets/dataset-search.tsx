import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { DatasetPage } from '../../../../protocols/model/views.ts'
import { Heading } from '../../parts/heading.tsx'
import { Problem } from '../../parts/problem.tsx'
import { catalogChanges, learn } from '../../state/catalog.ts'
import { client } from '../../state/client.ts'
import { islands } from '../../state/islands.ts'
import { useLoaded } from '../../state/loaded.ts'
import { navigate, place } from '../../state/router.ts'
import { count } from '../../text/words.ts'
import { DatasetList } from './dataset-list.tsx'
import { addressOf, type Field, type Fields, FORMATS, filterOf, readCone, readFields } from './filter.ts'

/** Milliseconds of rest after a key before it is searched. */
const DEBOUNCE_MS = 150
const PAGE = 50

export function DatasetSearch() {
  const fields = readFields(place.value.query)
  /** What is typed, before it is searched for. */
  const typed = useSignal<Fields>(fields)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const more = useSignal<DatasetPage['items']>([])
  const cursor = useSignal<string | undefined>(undefined)
  const moreBusy = useSignal(false)

  const key = addressOf(fields)
  const found = useLoaded(
    key,
    async (signal) => {
      const page = await client().datasets({ ...filterOf(fields), limit: PAGE }, { signal })
      more.value = []
      cursor.value = page.next
      learn(page.items)
      return page
    },
    { stays: true },
  )
  const again = useRef(found.again)
  again.current = found.again
  const first = useRef(true)
  useSignalEffect(() => {
    void catalogChanges.value
    if (!first.current) again.current()
    first.current = false
  })
  // Back and forward in the browser's history, or a link to another search.
  useEffect(() => {
    if (addressOf(typed.peek()) !== key) typed.value = readFields(place.peek().query)
  }, [key])
  useEffect(() => () => clearTimeout(timer.current), [])

  function change(name: Field, value: string): void {
    typed.value = { ...typed.peek(), [name]: value }
    clearTimeout(timer.current)
    timer.current = setTimeout(() => navigate(addressOf(typed.peek()), { replace: true }), DEBOUNCE_MS)
  }

  async function loadMore(): Promise<void> {
    moreBusy.value = true
    try {
      const page = await client().datasets({ ...filterOf(fields), limit: PAGE, cursor: cursor.peek() })
      more.value = [...more.peek(), ...page.items]
      cursor.value = page.next
      learn(page.items)
    } catch {
      found.again()
    }
    moreBusy.value = false
  }

  const items = [...(found.value?.items ?? []), ...more.value]
  const filtered = Object.keys(fields).length > 0
  const badCone = [typed.value.cone, fields.cone].some((cone) => cone?.trim() && readCone(cone) === undefined)
  const input = (name: Field) => ({
    id: `filter-${name}`,
    name,
    value: typed.value[name] ?? '',
    onInput: (event: { currentTarget: { value: string } }) => change(name, event.currentTarget.value),
  })
  return (
    <>
      <Heading title="Datasets">
        <p role="status">
          {badCone
            ? 'Nothing was searched: the cone is not complete or not on the sky.'
            : found.value === undefined
              ? found.busy && 'Searching …'
              : `${count(found.value.total, 'dataset')}${filtered ? ' found' : ''}`}
        </p>
      </Heading>
      <search class="filters panel">
        <div class="field grow">
          <label for="filter-text">Search</label>
          <input
            {...input('text')}
            type="search"
            placeholder="title, description, keyword, creator, column, id"
            autoComplete="off"
            spellcheck={false}
          />
        </div>
        <div class="field">
          <label for="filter-format">Format</label>
          <select {...input('format')}>
            <option value="">any</option>
            {FORMATS.map((format) => (
              <option key={format}>{format}</option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="filter-island">Island</label>
          <select {...input('island')}>
            <option value="">any</option>
            {islands.value.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="filter-keyword">Keywords</label>
          <input {...input('keyword')} placeholder="stars, photometry" autoComplete="off" />
        </div>
        <div class="field">
          <label for="filter-cone">Cone: RA, Dec, radius (°)</label>
          <input
            {...input('cone')}
            placeholder="83.8, -5.4, 1"
            autoComplete="off"
            aria-invalid={badCone}
            aria-describedby={badCone ? 'cone-help' : undefined}
          />
          {badCone && (
            <small id="cone-help" class="warn">
              RA 0 to 360, Dec -90 to 90, radius above 0, in degrees
            </small>
          )}
        </div>
        <div class="field">
          <label for="filter-minSize">At least (MB)</label>
          <input {...input('minSize')} inputMode="decimal" class="short" autoComplete="off" />
        </div>
        {filtered && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              typed.value = {}
              navigate('/datasets', { replace: true })
            }}
          >
            Clear
          </button>
        )}
      </search>
      {found.error !== undefined && <Problem error={found.error} onRetry={found.again} />}
      {!badCone && found.value !== undefined && items.length === 0 && (
        <p class="nothing">
          {filtered ? 'No dataset matches.' : 'No island has published a dataset yet.'}{' '}
          {!filtered && (
            <>
              Publish one with <code>archipel publish &lt;file&gt;</code>.
            </>
          )}
        </p>
      )}
      {!badCone && items.length > 0 && <DatasetList items={items} busy={found.busy} />}
      {!badCone && cursor.value !== undefined && (
        <p>
          <button type="button" disabled={moreBusy.value} onClick={() => void loadMore()}>
            Show more
          </button>
        </p>
      )}
    </>
  )
}
