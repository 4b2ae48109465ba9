import { readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { defaultDatasetId, parseRef, suggestName } from '../../protocols/model/ids.ts'
import type { PublishRequest, TaskView } from '../../protocols/model/views.ts'
import type { SpoolKey, SpoolPort, TableExporter } from './port.ts'
import { place, writeItems, writeNew } from './publish/files.ts'
import { provenanceOf } from './publish/provenance.ts'
import { tableOf } from './rows.ts'
import { diskError, isMissing } from './spool/disk.ts'

export interface ResultPublisherInit {
  /** Folder that belongs to the island: what datasets of results consist of. */
  dir: string
  /** Id of this island. */
  self: string
  /** Name and version of the software. */
  software: string
}

export interface ResultPublisherComponents {
  spool: Pick<SpoolPort, 'meta' | 'read'>
  exporter: TableExporter
  /** Publishes files of this island. @returns the normalised id */
  publish: (request: PublishRequest, options: { signal: AbortSignal; user: string }) => Promise<string>
  /** The own live dataset record of an id. */
  own: (id: string) => Promise<DatasetBody | undefined>
  /** All own live dataset records. */
  owned: () => AsyncIterable<DatasetBody>
  /** Absolute paths of all files that datasets of this island consist of. */
  sources: () => Promise<string[]>
  logger: { info(details: object, message: string): void; warn(details: object, message: string): void }
}

export interface ResultPublisher {
  /**
   * Makes a dataset of the accepted result of a task, before or after it is told to have succeeded: Parquet for a table, else the files as they are. The same task again is the
   * same version, whatever was interrupted in between; nothing is copied twice.
   * @throws TASK_STATE (no result), RESULT_LIMIT (the table was cut), DATASET_EXISTS, BAD_ID, DISK_FULL, CANCELLED, what publishing throws
   */
  publish(task: TaskView, key: SpoolKey, options: { signal: AbortSignal }): Promise<{ id: string; version: string }>
  /** Whether a result could get this id, for the moment of the submission. @throws BAD_ID, DATASET_EXISTS */
  check(id: string): Promise<void>
  /** Removes what a crash left half written. */
  start(): Promise<void>
  /**
   * Removes data that no dataset consists of any more: to be called after one was unpublished. Not at the start: an island
   * that lost its store knows its datasets only after its peers have told it.
   */
  sweep(): Promise<void>
}

/** @see ResultPublisher */
export function resultPublisher(init: ResultPublisherInit, components: ResultPublisherComponents): ResultPublisher {
  const { spool, exporter, logger } = components
  const busy = new Map<string, Promise<{ id: string; version: string }>>()
  /** Names in the folder that are being made. */
  const fresh = new Set<string>()

  function target(text: string): { id: string; name: string; request: Pick<PublishRequest, 'id' | 'name'> } {
    const ref = parseRef(text)
    if ('name' in ref) return { id: defaultDatasetId(init.self, ref.name), name: ref.name, request: { name: ref.name } }
    const name = suggestName(ref.id)
    if (ref.id.startsWith('archipel:') && !ref.id.startsWith(`archipel:${init.self}/`))
      throw new ArchipelError('BAD_ID', `${ref.id} is a name that another island gives`)
    return { id: ref.id, name, request: { id: ref.id, name } }
  }

  async function make(task: TaskView, key: SpoolKey, signal: AbortSignal): Promise<{ id: string; version: string }> {
    if (task.publish === undefined) throw new ArchipelError('BAD_INPUT', 'the task does not ask for a dataset')
    const { id, name, request } = target(task.publish.id)
    const before = await components.own(id)
    if (before?.provenance?.task === task.id) return { id, version: before.version }
    const lost = task.state === 'failed' || task.state === 'cancelled'
    const meta = lost ? undefined : await spool.meta(key)
    if (meta === undefined || meta.kind === 'none')
      throw new ArchipelError('TASK_STATE', 'the task has no result to publish')
    if (meta.table?.truncated)
      throw new ArchipelError('RESULT_LIMIT', 'the table was cut, so that it is not published', {
        hint: 'Run it again with more rows allowed, or select less.',
      })
    if (before !== undefined) throw exists(id)

    const read = (item: string) => spool.read(key, item, { offset: 0 })
    const base = `${name}-${key.task}`
    const file = meta.table === undefined ? base : `${base}.parquet`
    const path = join(init.dir, file)
    fresh.add(file)
    try {
      await place(path, async (temporary) => {
        if (meta.table === undefined) return await writeItems(temporary, meta, read)
        const { body } = await exporter.export(tableOf(meta, read), 'parquet', { signal })
        await writeNew(temporary, body)
      })
      const { title, description, keywords, licence } = task.publish
      const full: PublishRequest = {
        ...request,
        path,
        ...(title !== undefined ? { title } : task.name !== undefined ? { title: task.name } : {}),
        ...(description !== undefined && { description }),
        ...(keywords !== undefined && { keywords }),
        ...(licence !== undefined && { licence }),
        ...(meta.table !== undefined && { as: 'parquet' }),
        provenance: provenanceOf(task, { attempt: key.attempt, elapsedMs: meta.elapsedMs, software: init.software }),
      }
      const published = await publishAs(full, { signal, user: task.user })
      const body = await components.own(published)
      if (body === undefined) throw new ArchipelError('INTERNAL', 'the dataset is not there after it was published')
      logger.info({ dataset: published, task: task.id }, 'a result was published')
      return { id: published, version: body.version }
    } catch (error) {
      // A crash may have come after the record was written, and so may an error.
      if ((await components.own(id).catch(() => undefined))?.provenance?.task !== task.id)
        await rm(path, { recursive: true, force: true }).catch(() => {})
      throw error
    } finally {
      fresh.delete(file)
    }
  }

  /** Files that are not what their names say are published as they are. */
  async function publishAs(request: PublishRequest, by: { signal: AbortSignal; user: string }): Promise<string> {
    try {
      return await components.publish(request, by)
    } catch (error) {
      if (!(error instanceof ArchipelError) || error.code !== 'UNREADABLE' || request.as !== undefined) throw error
      return await components.publish({ ...request, as: 'files' }, by)
    }
  }

  return {
    publish(task, key, { signal }) {
      const running = busy.get(task.id)
      if (running !== undefined) return running
      const work = make(task, key, signal).finally(() => busy.delete(task.id))
      busy.set(task.id, work)
      return work
    },
    async check(text) {
      const { id } = target(text)
      if ((await components.own(id)) !== undefined) throw exists(id)
    },
    async start() {
      for (const name of await names()) if (name.endsWith('.tmp') && !isFresh(name)) await remove(name)
    },
    async sweep() {
      const there = await names()
      if (there.length === 0) return
      const folder = await realpath(init.dir)
      const tasks: string[] = []
      for await (const { provenance } of components.owned()) if (provenance !== undefined) tasks.push(provenance.task)
      const sources = await components.sources()
      for (const name of there) {
        const path = join(folder, name)
        const used =
          tasks.some((task) => name.replace(/\.parquet$/, '').endsWith(`-${task}`)) ||
          sources.some((source) => source === path || source.startsWith(`${path}/`))
        if (!used && !isFresh(name)) await remove(name)
      }
    },
  }

  function isFresh(name: string): boolean {
    return fresh.has(name.replace(/\.tmp$/, ''))
  }

  async function names(): Promise<string[]> {
    return await readdir(init.dir).catch((error) => {
      if (isMissing(error)) return []
      throw diskError(error, 'reading the data of results')
    })
  }

  async function remove(name: string): Promise<void> {
    await rm(join(init.dir, name), { recursive: true, force: true }).catch((error) =>
      logger.warn({ err: error }, 'data that nothing consists of could not be removed'),
    )
  }
}

function exists(id: string): ArchipelError {
  return new ArchipelError('DATASET_EXISTS', `${id} is published already`, {
    hint: `Publish the result under another id, or remove the old dataset first: \`archipel unpublish ${id}\`.`,
  })
}
