import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Admission } from './guard.ts'
import type { IslandNode } from './libp2p.ts'

/** Strangers connected at a time: enough for a burst of joins, too few to hurt. */
export const MAX_STRANGERS = 64
/** Streams a stranger may open on one connection: joining takes two or three. */
const MAX_STRANGER_STREAMS = 64
/** Connections with one peer; more than two (both dialled, one is relayed) have no use. */
const MAX_CONNECTIONS_PER_PEER = 8
/** Answers on a stream before a protocol is agreed on: to the header, and to a few names. */
const MAX_NEGOTIATION_ANSWERS = 16

export interface VisitorsInit {
  /** Milliseconds a stranger may stay connected. */
  strangerMs: number
}

/**
 * Bounds what others may take of this island before anything is known of them, and what strangers may take at all.
 * Whoever goes beyond is cut off at once: an orderly end would wait for the other side.
 */
export function visitors(init: VisitorsInit, components: { node: IslandNode; admission: Admission }) {
  const { node, admission } = components
  const gone = new Set<string>()

  const isStranger = (connection: Connection) => !admission.isMember(connection.remotePeer.toString())
  const strangers = () => node.getConnections().filter(isStranger)

  function onOpen({ detail: connection }: CustomEvent<Connection>): void {
    const others = (all: Connection[]) => all.filter((c) => c.id !== connection.id).length
    if (isStranger(connection) && others(strangers()) >= MAX_STRANGERS) cut(connection, 'too many strangers')
    else if (others(node.getConnections(connection.remotePeer)) >= MAX_CONNECTIONS_PER_PEER)
      cut(connection, 'too many connections')
    else watchStreams(connection)
  }

  function watchStreams(connection: Connection): void {
    let opened = 0
    muxerOf(connection)?.addEventListener('stream', ({ detail: stream }) => {
      opened += 1
      if (opened > MAX_STRANGER_STREAMS && isStranger(connection)) cut(connection, 'too many streams')
      else watchNegotiation(stream)
    })
  }

  function onDisconnect({ detail: peerId }: CustomEvent<PeerId>): void {
    if (!admission.isMember(peerId.toString())) gone.add(peerId.toString())
  }

  return {
    count: () => strangers().length,
    start(): void {
      node.addEventListener('connection:open', onOpen)
      node.addEventListener('peer:disconnect', onDisconnect)
    },
    stop(): void {
      node.removeEventListener('connection:open', onOpen)
      node.removeEventListener('peer:disconnect', onDisconnect)
    },
    /** To be called every second or so. */
    sweep(): void {
      for (const connection of strangers())
        if (Date.now() - connection.timeline.open > init.strangerMs) cut(connection, 'the time of a stranger is over')
      // Not at once: the services are told of a disconnect by what is known of the peer.
      for (const id of gone) {
        const peerId = peerIdFromString(id)
        if (node.getConnections(peerId).length === 0 && !admission.isMember(id))
          void node.peerStore.delete(peerId).catch(() => {})
      }
      gone.clear()
    },
  }
}

export function cut(connection: Connection, why: string): void {
  connection.abort(new DOMException(why, 'AbortError'))
}

/**
 * A peer that proposes protocols without end would keep this island busy with refusing them. Counted are the answers and
 * not the messages: a listener for these would take the first one from a handler that is not listening yet.
 */
function watchNegotiation(stream: Stream): void {
  let answers = 0
  const send = stream.send.bind(stream)
  stream.send = (data) => {
    if (stream.protocol !== '') stream.send = send
    else if (++answers > MAX_NEGOTIATION_ANSWERS)
      stream.abort(new DOMException('no protocol was agreed on', 'AbortError'))
    return send(data)
  }
}

interface Muxer {
  addEventListener(type: 'stream', listener: (event: CustomEvent<Stream>) => void): void
}

function muxerOf(connection: Connection): Muxer | undefined {
  return (connection as unknown as { muxer?: Muxer }).muxer
}
