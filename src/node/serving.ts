/** What others hear of an island and may ask it, apart from work: joining, holdings, blocks, the catalog, its card. */
import type { Logger } from 'pino'
import { joinSpec } from '../protocols/join/messages.ts'
import { verify } from '../protocols/record/keys.ts'
import { MEMBER_KIND } from '../protocols/record/member-facts.ts'
import { resolveSpec } from '../protocols/resolve/messages.ts'
import { serve } from '../protocols/wire/server.ts'
import type { Config } from './config/schema.ts'
import { type OwnBlock, serveBlocks } from './contents/blocks.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { Home } from './home.ts'
import { admissionChain, joinDesk } from './identity/join-desk.ts'
import type { TicketBook } from './identity/tickets.ts'
import { showStanding } from './members/standing.ts'
import { dialTargets } from './members/targets.ts'
import { peerIdOf } from './network/peer-id.ts'
import type { NetworkPort } from './network/port.ts'
import { serveCatalog } from './spread/catalog-protocol.ts'

export interface ServingComponents {
  config: Config
  home: Home
  network: NetworkPort
  datasets: DatasetsPort
  ownBlock: OwnBlock
  tickets: TicketBook
  logger: (component: string) => Logger
}

/** Answers what others may ask. Whoever asks before the network has started asks nobody. */
export async function serveOthers(
  { config, home, network, datasets, ownBlock, tickets }: ServingComponents,
  options: { stopping: AbortSignal },
): Promise<void> {
  const { catalog, membership } = home
  const desk = joinDesk(
    { self: home.self, archipelagoId: home.archipelago.id, genesis: membership.archipelago.genesis },
    {
      tickets,
      membership: () => catalog.membership(),
      facts: () => catalog.membershipFacts(),
      append: (fact) => catalog.append(MEMBER_KIND, fact.id, fact.body),
      learn: (facts) => catalog.addFacts(facts),
      peerIdOf,
      verify,
      journal: home.journal,
    },
  )
  await serve(network, joinSpec, (request, { remote }) => desk(request, remote), options)
  await serve(network, resolveSpec, async ({ ids }) => ({ holdings: await datasets.holdings(ids) }), options)
  await serveBlocks(network, ownBlock, options)
  if (config.catalog.enabled) await serveCatalog(network, catalog, options)
}

/** Keeps what the network knows of the members up to date. @returns says anew whom to be connected to */
export function followMembers(
  { home, network, datasets, logger }: ServingComponents,
  options: { stopping: AbortSignal },
): () => void {
  const { catalog, roster, self } = home
  const contacts = home.membership.contacts.map((c) => ({ peerId: c.peerId, addresses: c.addresses }))
  const retarget = () =>
    network.setTargets(roster.member(self)?.state === 'revoked' ? [] : dialTargets(roster, self, contacts))
  roster.onChange(() => {
    network.membershipChanged()
    retarget()
  })
  const standing = showStanding({
    catalog,
    network,
    chain: () => admissionChain(catalog.membership(), self),
    signal: options.stopping,
    logger: logger('members'),
  })
  network.on('peer:ready', (peerId) => void standing(peerId))
  const log = logger('island')
  catalog.on('self:revoked', () => {
    log.error('this island was revoked: nobody speaks with it any more')
    retarget()
    for (const { peerId } of network.connections()) network.drop(peerId)
  })
  catalog.on('own:recovered', () => {
    void datasets
      .findLost()
      .catch((error: unknown) => log.error({ err: error }, 'the own datasets could not be checked'))
  })
  return retarget
}
