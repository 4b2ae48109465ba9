import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'

/** Who is let in. Asked for every stream and every topology notification; must be quick. */
export interface Admission {
  isMember(peerId: string): boolean
}

/** The part of libp2p's registrar that services use. */
interface RegistrarLike {
  handle(protocol: string, handler: StreamHandler, options?: object): Promise<void>
  register(protocol: string, topology: Topology, options?: object): Promise<string>
}

/**
 * Gives a libp2p service a registrar that knows members only: its handlers never see a stranger's stream, and its
 * topologies never hear of a stranger, so it neither serves nor dials nor tells one anything. Wrapping here, and
 * not with `libp2p.use()`, because that runs earlier middleware again for every stream.
 */
export function membersOnly<Components extends object, Service>(
  factory: (components: Components) => Service,
  admission: Admission,
): (components: Components) => Service {
  return (components) => {
    const registrar = (components as { registrar: RegistrarLike }).registrar
    return factory(overlay(components, { registrar: guardedRegistrar(registrar, admission) }))
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
function overlay<T extends object>(base: T, replaced: Partial<Record<string, unknown>>): T {
  return new Proxy(base, {
    get(target, key) {
      if (typeof key === 'string' && Object.hasOwn(replaced, key)) return replaced[key]
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
