import type { Logger } from 'pino'
import type { IslandNode } from './libp2p.ts'

/** How often lost gossip streams are looked for. */
const CHECK_MS = 3_000

/**
 * gossipsub loses its streams for good when two connections to one peer exist and the one that carries them
 * closes: the mesh still lists the peer, and nothing is delivered. Running identify again on the open connection
 * makes the registrar tell gossipsub of the peer again, which opens them anew.
 */
export function gossipKeeper(node: IslandNode, options: { isMember: (peerId: string) => boolean; logger: Logger }) {
  let timer: NodeJS.Timeout | undefined
  const busy = new Set<string>()

  function check(): void {
    const pubsub = node.services.pubsub as unknown as { streamsOutbound: Map<string, unknown> } | undefined
    if (pubsub === undefined || node.status !== 'started') return
    for (const connection of node.getConnections()) {
      const id = connection.remotePeer.toString()
      if (connection.status !== 'open' || busy.has(id) || !options.isMember(id) || pubsub.streamsOutbound.has(id))
        continue
      // Young connections get their streams by themselves.
      if (Date.now() - connection.timeline.open < CHECK_MS) continue
      busy.add(id)
      node.services.identify
        .identify(connection, { signal: AbortSignal.timeout(CHECK_MS * 2) })
        .catch((error: Error) => options.logger.debug({ peer: id, error: error.message }, 'gossip stream not restored'))
        .finally(() => busy.delete(id))
    }
  }

  return {
    check,
    start(): void {
      node.addEventListener('connection:close', check)
      timer = setInterval(check, CHECK_MS)
    },
    stop(): void {
      clearInterval(timer)
      node.removeEventListener('connection:close', check)
    },
  }
}
