/** The network of an island, as its settings say. */
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import type { KeyPair } from './identity/keys.ts'
import { network } from './network/network.ts'
import type { NetworkAdmission, NetworkPort } from './network/port.ts'

/** Members to be connected to; more connections may come in. */
const WANTED_PEERS = 64

/** Made, not started: nobody hears it yet. */
export async function ownNetwork(
  config: Config['network'],
  components: { archipelagoId: string; key: KeyPair; admission: NetworkAdmission; logger: Logger },
): Promise<NetworkPort> {
  const { archipelagoId, key, admission, logger } = components
  return await network(
    {
      archipelagoId,
      seed: key.seed,
      publicKey: key.publicKey,
      listen: config.listen,
      announce: config.announce,
      bootstrap: config.bootstrap,
      mdns: config.mdns,
      dht: config.dhtEnabled,
      gossip: config.gossipEnabled,
      relay: { serve: config.relay.serve, use: config.relay.use, limits: config.relay },
      maxConnections: config.maxConnections,
      wantedPeers: WANTED_PEERS,
    },
    { admission, logger },
  )
}
