/** Promises to keep copies, put together: both sides of the exchange. */
import type { Logger } from 'pino'
import { ArchipelError } from '../protocols/model/errors.ts'
import { promiseSpec } from '../protocols/promise/messages.ts'
import { call } from '../protocols/wire/client.ts'
import { serve } from '../protocols/wire/server.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { NetworkPort } from './network/port.ts'
import type { PromisesPort } from './promises/port.ts'
import { promises } from './promises/promises.ts'
import type { RulesPort } from './rules/port.ts'
import type { StorePort } from './store/port.ts'

export interface PromiseKeepingComponents {
  self: string
  store: StorePort
  network: NetworkPort
  datasets: Pick<DatasetsPort, 'holdings'>
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  /** They are built later than this. */
  rules: () => Pick<RulesPort, 'unmet' | 'settled'>
  nameOf(island: string): string
  logger: (component: string) => Logger
}

export interface PromiseKeeping {
  /** Begins to answer others. */
  serve(options: { stopping: AbortSignal }): Promise<void>
  drop: PromisesPort['drop']
  promised: PromisesPort['promised']
}

export async function promiseKeeping(components: PromiseKeepingComponents): Promise<PromiseKeeping> {
  const { self, store, network, datasets, connect, rules, nameOf, logger } = components
  const desk = promises(
    { self },
    {
      store: store.bucket('promises'),
      async holds({ publisher, dataset, version }) {
        const here = await datasets.holdings([dataset])
        return here.some(
          (h) => h.id === dataset && h.publisher === publisher && h.version === version && h.state === 'available',
        )
      },
      ask: async (island, request, options) =>
        await call(network, await connect(island, options), promiseSpec, request, options),
      unmet: (copy, stay) => rules().unmet(copy, stay),
      nameOf,
      logger: logger('promises'),
    },
  )
  await desk.start()
  return {
    async serve(options) {
      await serve(
        network,
        promiseSpec,
        async (request, { remote }) => {
          if (remote.island === undefined) throw new ArchipelError('NOT_A_MEMBER', 'only members are promised anything')
          return await desk.answer(remote.island, request)
        },
        options,
      )
    },
    promised: desk.promised,
    async drop(copy, options, remove) {
      await rules().settled()
      await desk.drop(copy, options, remove)
    },
  }
}
