/** Main files of batches, put together: uploaded here, fetched from others, shown to those who need them. */
import type { Logger } from 'pino'
import type { MainFile } from '../protocols/model/spark.ts'
import type { Config } from './config/schema.ts'
import { pathIn } from './identity/data-dir.ts'
import { mains } from './mains/mains.ts'
import type { MainsPort } from './mains/port.ts'
import { remoteMain, serveMains } from './mains/wire.ts'
import type { NetworkPort } from './network/port.ts'
import type { ProviderComponents } from './tasks/provider/components.ts'
import type { RequesterComponents } from './tasks/requester/components.ts'
import type { TaskStore } from './tasks/store/task-store.ts'
import { mainsUsed } from './tasks/store/used.ts'

export interface MainFilesComponents {
  config: Pick<Config, 'dataDir' | 'mains'>
  self: string
  network: NetworkPort
  store: TaskStore
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  /** Of actions: hashes of those kept here, and whether one is shared. */
  actions: { mains(): Promise<string[]>; shares(file: Pick<MainFile, 'sha256'>): Promise<boolean> }
  logger: Logger
}

export interface MainFiles {
  kept: MainsPort
  /** The program of a batch, for the provider. */
  main: NonNullable<ProviderComponents['main']>
  /** For the requester. */
  mains: NonNullable<RequesterComponents['mains']>
  /** Brings the file of an action of another island here. */
  fetch(file: MainFile, publisher: string, options: { signal?: AbortSignal }): Promise<string>
  /** Shows them to others. */
  serve(options: { stopping: AbortSignal }): Promise<void>
}

export function mainFiles(components: MainFilesComponents): MainFiles {
  const { config, self, network, store, actions } = components
  const kept = mains(
    { dir: pathIn(config.dataDir, 'mains'), ...config.mains },
    {
      used: async () => new Set([...(await mainsUsed(store)), ...(await actions.mains())]),
      logger: components.logger,
    },
  )
  const remote = { network, connect: (island: string, signal: AbortSignal) => components.connect(island, { signal }) }

  return {
    kept,
    mains: kept,
    fetch: (file, island, options) => kept.path(file, remoteMain(remote, { island, file }), options),
    async main(work, island, options) {
      const file = work.batch?.main
      if (file !== undefined)
        return await kept.path(file, remoteMain(remote, { island, file, task: work.task }), options)
      // Spark takes files only: the code is one as soon as it is here.
      const made = await kept.put('work.py', once(Buffer.from(work.code)), options)
      return await kept.path(made, () => once(new Uint8Array()), options)
    },
    serve: (options) =>
      serveMains(
        network,
        kept,
        async ({ task, sha256 }, island) => {
          if (task === undefined) return await actions.shares({ sha256 })
          const record = await store.task(task)
          const open = record?.attempts.some((a) => a.island === island && a.ended === undefined)
          return record?.main === sha256 && island !== self && open === true
        },
        options,
      ),
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
