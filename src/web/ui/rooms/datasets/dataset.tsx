import { useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { DatasetView } from '../../../../protocols/model/views.ts'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { Problem } from '../../parts/problem.tsx'
import { catalog, catalogChanges, learn } from '../../state/catalog.ts'
import { client } from '../../state/client.ts'
import { queryDataset } from '../../state/draft.ts'
import { useLoaded } from '../../state/loaded.ts'
import { clock, count, number, size } from '../../text/words.ts'
import { isAmbiguous } from '../editor/options.ts'
import { Columns } from './columns.tsx'
import { Files } from './files.tsx'
import { Holders } from './holders.tsx'
import { PreviewTable } from './preview-table.tsx'
import { SkyCoverage } from './sky-coverage.tsx'

const isAddress = (text: string | undefined) => text !== undefined && /^https?:\/\//.test(text)

/** One dataset, by its id in any spelling. */
export function Dataset({ reference }: { reference: string }) {
  const loaded = useLoaded(reference, async (signal) => {
    const view = await client().dataset(reference, { signal })
    learn([view])
    return view
  })
  const again = useRef(loaded.again)
  again.current = loaded.again
  const first = useRef(true)
  useSignalEffect(() => {
    void catalogChanges.value
    if (!first.current) again.current()
    first.current = false
  })
  const view = loaded.value
  return (
    <>
      <p class="crumbs">
        <a href="/datasets">Datasets</a>
      </p>
      <Heading title={view?.body.title ?? (loaded.busy ? 'Dataset' : reference)}>
        {view !== undefined && view.body.format !== 'files' && (
          <button
            type="button"
            class="primary"
            onClick={() => queryDataset(view, { ambiguous: isAmbiguous(view, catalog.peek().values()) })}
          >
            Query this
          </button>
        )}
      </Heading>
      {loaded.error !== undefined && <Problem error={loaded.error} onRetry={loaded.again} />}
      {view === undefined && loaded.busy && <p class="waiting">Asking …</p>}
      {view !== undefined && <DatasetDetails view={view} />}
    </>
  )
}

function DatasetDetails({ view }: { view: DatasetView }) {
  const { id, publisher, body } = view
  const box = body.coverage?.spatial?.box
  const times = body.coverage?.temporal
  return (
    <div class="dataset">
      <section class="panel" aria-labelledby="about">
        <h2 id="about">About</h2>
        {body.description !== undefined && <p class="description">{body.description}</p>}
        <Facts
          of={[
            ['Name', <code key="name">{body.name}</code>],
            ['Id', <code key="id">{id}</code>],
            ['Also', body.aliases.join(', ')],
            ['Publisher', publisher.name],
            [
              'Creators',
              body.creators.map((c) => (c.affiliation ? `${c.name} (${c.affiliation})` : c.name)).join('; '),
            ],
            ['Keywords', body.keywords.join(', ')],
            [
              'Licence',
              isAddress(body.licence) ? (
                <a key="licence" href={body.licence} rel="noreferrer">
                  {body.licence}
                </a>
              ) : (
                body.licence
              ),
            ],
            [
              'Data',
              [
                body.format,
                count(body.files, 'file'),
                size(body.size),
                body.rows === undefined ? '' : `${number(body.rows)} rows`,
              ]
                .filter(Boolean)
                .join(', '),
            ],
            ['Observed', times && `${times.start} to ${times.end}`],
            ['Modified', clock(body.modified)],
            ['Version', <code key="version">{body.version.slice(0, 16)}</code>],
            [
              'Made by',
              body.provenance && (
                <a href={`/tasks/${body.provenance.task}`}>the task of {clock(body.provenance.ended)}</a>
              ),
            ],
          ]}
        />
      </section>
      <section class="panel" aria-labelledby="held">
        <h2 id="held">Held by</h2>
        <Holders view={view} />
        {box !== undefined && <SkyCoverage box={box} />}
      </section>
      {body.columns !== undefined && body.columns.length > 0 && (
        <section class="panel wide" aria-labelledby="columns">
          <h2 id="columns">Columns</h2>
          <Columns columns={body.columns} />
        </section>
      )}
      {body.format !== 'files' && (
        <section class="panel wide" aria-labelledby="preview">
          <h2 id="preview">First rows</h2>
          <PreviewTable id={id} version={body.version} />
        </section>
      )}
      <section class="panel wide" aria-labelledby="files">
        <h2 id="files">Files</h2>
        <Files id={id} version={body.version} />
      </section>
    </div>
  )
}
