/** Both sides of the gateway of an island: its Livy endpoint, and its sites for everybody who may use them. */
import type { Logger } from 'pino'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { NetworkPort } from '../network/port.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { StorePort } from '../store/port.ts'
import type { DataBinder } from '../tasks/port.ts'
import type { Line, OnChange } from './calls.ts'
import { type Provider, provider } from './provider/provider.ts'
import { heldStore } from './provider/records.ts'
import { entryStore } from './requester/records.ts'
import { type Requester, type RequesterInit, requester } from './requester/requester.ts'
import type { RoutingComponents } from './requester/routing.ts'
import { shownEntries } from './shown-entries.ts'
import type { LivySite } from './site.ts'
import { remoteLine } from './wire/remote-line.ts'
import { serveLivy } from './wire/serve-livy.ts'

export interface GatewayInit extends RequesterInit {
  /** Unfinished sessions and batches of one other island here. */
  perIsland: number
  /** Milliseconds without a sign of an island after which its sessions here are ended. */
  abandonedMs: number
  /** Path of the endpoint in the web service; without it there is none. */
  endpoint?: string
}

export interface GatewayComponents {
  store: Pick<StorePort, 'bucket' | 'batch'>
  /** Of this island, best first. */
  sites: readonly LivySite[]
  data: DataBinder
  policy: PolicyPort
  journal: JournalPort
  network: Pick<NetworkPort, 'archipelagoId' | 'openStream' | 'handleStream' | 'on'>
  /** @returns its peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  islandOf(peerId: string): string | undefined
  routing: RoutingComponents
  logger: Logger
}

export interface Gateway extends Pick<Requester, 'version' | 'sessions' | 'batches' | 'views'> {
  /** For the web service beside the endpoint. */
  shown: ReturnType<typeof shownEntries>
  /** Ids of the datasets that unfinished sessions and batches at the sites of this island have. */
  datasets: Provider['datasets']
  /** Takes up what was here before, and serves others. */
  start(options: { stopping: AbortSignal }): Promise<void>
  /** Opens the ways to other islands: to be called when they can be reached. */
  resume(): Promise<void>
  stop(): void
}

export function gateway(init: GatewayInit, components: GatewayComponents): Gateway {
  const { self } = init
  const { network, store, logger } = components
  const onBroken = (key: string) => logger.error({ key }, 'an entry of the store cannot be read, and is left out')
  const here: Provider = provider(init, {
    sites: components.sites,
    store: heldStore(store.bucket('livy'), onBroken),
    data: components.data,
    policy: components.policy,
    journal: components.journal,
    logger,
  })
  const asker: Requester = requester(init, {
    store: entryStore(store, onBroken),
    routing: components.routing,
    open,
    logger,
  })

  async function open(island: string, onChange: OnChange, options: { signal: AbortSignal }): Promise<Line> {
    if (island === self) return localLine(here, self, onChange)
    const peerId = await components.connect(island, options)
    return await remoteLine(network, peerId, onChange, options)
  }

  return {
    version: asker.version,
    sessions: asker.sessions,
    batches: asker.batches,
    views: asker.views,
    shown: shownEntries(asker, init.endpoint),
    datasets: here.datasets,
    async start(options) {
      await here.start()
      await serveLivy(network, here, options)
      network.on('peer:ready', (peerId) => {
        const island = components.islandOf(peerId)
        if (island !== undefined) asker.nudge(island)
      })
    },
    resume: () => asker.start(),
    stop() {
      asker.stop()
      here.stop()
    },
  }
}

/** To the sites of this island itself. */
function localLine(here: Provider, self: string, onChange: OnChange): Line {
  const line = here.line(self, onChange)
  const over = Promise.withResolvers<ArchipelError>()
  return {
    ...line,
    ended: over.promise,
    close() {
      line.close()
      over.resolve(new ArchipelError('CANCELLED', 'the line is not needed any more'))
    },
  }
}
