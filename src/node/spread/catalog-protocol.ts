import type { ArchipelError } from '../../protocols/model/errors.ts'
import { DIGEST, HEADS, ORPHANS, PULL } from '../../protocols/sync/messages.ts'
import { call, callSeries, type StreamOpener } from '../../protocols/wire/client.ts'
import { type Remote, type StreamAcceptor, serve } from '../../protocols/wire/server.ts'
import type { CatalogPort, SyncRemote } from '../catalog/port.ts'

/** A connected member, as the catalog talks to it. */
export function syncRemote(net: StreamOpener, peerId: string, island: string): SyncRemote {
  return {
    peer: island,
    digest: (request, options) => call(net, peerId, DIGEST, request, options),
    heads: (request, options) => call(net, peerId, HEADS, request, options),
    pull: (request, options) => callSeries(net, peerId, PULL, request, options),
    orphans: (request, options) => callSeries(net, peerId, ORPHANS, request, options),
  }
}

/** Answers what members ask of the catalog. */
export async function serveCatalog(
  net: StreamAcceptor,
  catalog: CatalogPort,
  options: { stopping: AbortSignal; onRefused?: (remote: Remote, error: ArchipelError) => void },
): Promise<void> {
  await serve(net, DIGEST, (request, { remote }) => catalog.handleDigest(remote.island ?? '', request), options)
  await serve(net, HEADS, (request, { remote }) => catalog.handleHeads(remote.island ?? '', request), options)
  await serve(
    net,
    PULL,
    (request, { remote, signal }) => catalog.handlePull(remote.island ?? '', request, { signal }),
    options,
  )
  await serve(
    net,
    ORPHANS,
    (request, { remote, signal }) => catalog.handleOrphans(remote.island ?? '', request, { signal }),
    options,
  )
}
