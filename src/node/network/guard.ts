import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** Who is let in. Asked for every stream and every topology notification; must be quick. */
export interface Admission {
  isMember(peerId: string): boolean
}

/** The part of libp2p's registrar that services use. */
interface RegistrarLike {
  handle(protocol: string, handler: StreamHandler, options?: object): Promise<void>
  register(protocol: string, topology: Topology, options?: object): Promise<string>
}

type Target = PeerId | Multiaddr | Multiaddr[]

/** The part of libp2p's connection manager that services use to reach others. */
interface ConnectionsLike {
  getConnections(peerId?: PeerId): Connection[]
  openConnection(target: Target, options?: object): Promise<Connection>
  openStream(target: Target, protocol: string | string[], options?: object): Promise<Stream>
}

/**
 * Gives a libp2p service a world of members only: its handlers never see a stranger's stream, its topologies never
 * hear of a stranger, and it can neither dial one nor open a stream to one, whoever named that peer to it. Wrapping here,
 * and not with `libp2p.use()`, because that runs earlier middleware again for every stream.
 */
export function membersOnly<Components extends object, Service>(
  factory: (components: Components) => Service,
  admission: Admission,
): (components: Components) => Service {
  return (components) => {
    const { registrar, connectionManager } = components as {
      registrar: RegistrarLike
      connectionManager: ConnectionsLike
    }
    return factory(
      overlay(components, {
        registrar: guardedRegistrar(registrar, admission),
        connectionManager: guardedConnections(connectionManager, admission),
      }),
    )
  }
}

function guardedRegistrar(inner: RegistrarLike, admission: Admission): RegistrarLike {
  return overlay(inner, {
    handle: async (protocol: string, handler: StreamHandler, options?: object) =>
      inner.handle(protocol, guardedHandler(handler, admission), options),
    register: async (protocol: string, topology: Topology, options?: object) =>
      inner.register(protocol, guardedTopology(topology, admission), options),
  })
}

function guardedConnections(inner: ConnectionsLike, admission: Admission): ConnectionsLike {
  const check = (target: Target) => {
    const peerId = peerOf(target)
    if (peerId === undefined || !admission.isMember(peerId))
      throw new ArchipelError('NOT_A_MEMBER', 'only members are dialled and spoken to')
  }
  return overlay(inner, {
    getConnections: (peerId?: PeerId) =>
      inner.getConnections(peerId).filter((c) => admission.isMember(c.remotePeer.toString())),
    openConnection: async (target: Target, options?: object) => {
      check(target)
      return await inner.openConnection(target, options)
    },
    openStream: async (target: Target, protocol: string | string[], options?: object) => {
      check(target)
      return await inner.openStream(target, protocol, options)
    },
  })
}

function peerOf(target: Target): string | undefined {
  if (Array.isArray(target)) return target[0] === undefined ? undefined : peerOf(target[0])
  if ('toMultihash' in target) return target.toString()
  return target.getComponents().findLast((c) => c.name === 'p2p')?.value
}

export function guardedHandler(handler: StreamHandler, admission: Admission): StreamHandler {
  return (stream: Stream, connection: Connection) => {
    if (!admission.isMember(connection.remotePeer.toString())) {
      stream.abort(new DOMException('members only', 'AbortError'))
      return
    }
    return handler(stream, connection)
  }
}

/** libp2p fills `topology.filter` by itself on connect, before asking us: so the filter, too, must not admit a stranger. */
function guardedTopology(topology: Topology, admission: Admission): Topology {
  const { filter } = topology
  const guarded: Topology = {
    onConnect: async (peerId: PeerId, connection: Connection) => {
      if (!admission.isMember(peerId.toString())) return
      if (filter?.has(peerId) === true) return
      filter?.add(peerId)
      await topology.onConnect?.(peerId, connection)
    },
    onDisconnect: async (peerId: PeerId) => {
      if (filter !== undefined && !filter.has(peerId)) return
      filter?.remove(peerId)
      await topology.onDisconnect?.(peerId)
    },
  }
  if (topology.notifyOnLimitedConnection !== undefined)
    guarded.notifyOnLimitedConnection = topology.notifyOnLimitedConnection
  return guarded
}

/** `base` with some properties replaced; everything else, methods included, goes to the original object. */
export function overlay<T extends object>(base: T, replaced: Partial<Record<string, unknown>>): T {
  return new Proxy(base, {
    get(target, key) {
      if (typeof key === 'string' && Object.hasOwn(replaced, key)) return replaced[key]
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
