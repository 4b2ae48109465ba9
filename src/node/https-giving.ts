/** Bytes of datasets by HTTPS, as the settings say: where it listens, and what the card says of it. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Logger } from 'pino'
import { toArchipelError } from '../protocols/model/errors.ts'
import type { Card } from '../protocols/model/island.ts'
import type { Signer } from '../protocols/record/keys.ts'
import { parseAddress } from './config/replication.ts'
import type { Config } from './config/schema.ts'
import { transferKey } from './identity/transfer-key.ts'
import type { Roster } from './members/roster.ts'
import type { NetworkPort } from './network/port.ts'
import { type HttpsCarrier, httpsCarrier } from './replicas/serve/https.ts'
import type { Provider } from './replicas/serve/provider.ts'

export interface HttpsGiving {
  /** @throws ADDRESS_IN_USE, UNREACHABLE, DATA_DIR_BROKEN */
  start(options: { stopping: AbortSignal }): Promise<void>
  stop(): Promise<void>
  /** For the card, while it is up. `announced`: multiaddrs under which others reach this island. */
  offer(announced: readonly string[]): Card['https']
  sentBytes(): number
}

const AUTO_PORT = 9412
const WILDCARD = /^(0\.0\.0\.0|::)$/
const LOOPBACK = /^(127\.|localhost$|::1$)/
const MAX_URLS = 8

/** Where it listens; undefined where it is off. */
export function httpsAddressOf({ web, transfers }: Pick<Config, 'web' | 'transfers'>) {
  const { listen } = transfers.https
  if (listen !== 'auto') return parseAddress(listen)
  // Whoever opened the web service to others has decided about ports; on loopback alone it would be of no use.
  return web.enabled && !LOOPBACK.test(web.host) ? { host: web.host, port: AUTO_PORT } : undefined
}

export function httpsGiving(components: {
  config: Config
  self: string
  network: NetworkPort
  provider: Provider
  signer: Signer
  passed(bytes: number): void
  roster: Pick<Roster, 'isMember' | 'member'>
  logger: Logger
}): HttpsGiving {
  const { config, self, network, provider, signer, passed, roster, logger } = components
  const address = httpsAddressOf(config)
  let up: { carrier: HttpsCarrier; pin: string } | undefined

  return {
    async start(options) {
      if (address === undefined) return
      const { key, cert, pin } = await transferKey(config.dataDir)
      const carrier = httpsCarrier(
        { self, archipelagoId: network.archipelagoId, ...address, key, cert },
        {
          network,
          provider,
          signer,
          passed,
          keyOf: (island) => (roster.isMember(island) ? roster.member(island)?.key : undefined),
          logger,
        },
      )
      try {
        await carrier.start(options)
        up = { carrier, pin }
      } catch (cause) {
        // Nobody asked for it by name: bytes go over libp2p.
        if (config.transfers.https.listen !== 'auto') throw cause
        logger.warn({ err: toArchipelError(cause) }, 'bytes are not given by HTTPS')
      }
    },
    async stop() {
      await up?.carrier.stop()
    },
    offer(announced) {
      if (up === undefined || address === undefined) return undefined
      const port = up.carrier.port()
      const { announce } = config.transfers.https
      const hosts = WILDCARD.test(address.host) ? announced.flatMap(hostOf) : [address.host]
      const urls = announce.length > 0 ? announce : [...new Set(hosts)].map((host) => urlOf(host, port))
      return urls.length === 0 ? undefined : { urls: urls.slice(0, MAX_URLS), key: up.pin }
    },
    sentBytes: () => up?.carrier.sentBytes() ?? 0,
  }
}

const urlOf = (host: string, port: number) => `https://${host.includes(':') ? `[${host}]` : host}:${port}`

/** The host of an address that is dialled without help of others. */
function hostOf(address: string): string[] {
  if (address.includes('/p2p-circuit')) return []
  const [first] = multiaddr(address).getComponents()
  return first?.value === undefined || !/^(ip|dns)/.test(first.name) ? [] : [first.value]
}
