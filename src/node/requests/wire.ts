import { ArchipelError } from '../../protocols/model/errors.ts'
import { type ReplicateMessage, type RequestStatus, replicateSpec } from '../../protocols/replicate/messages.ts'
import { call, type StreamOpener } from '../../protocols/wire/client.ts'
import { type StreamAcceptor, serve } from '../../protocols/wire/server.ts'
import type { RemoteRequests, RequestsPort } from './port.ts'

/** Requests at other islands. */
export function remoteRequests(
  network: StreamOpener,
  /** @returns the peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  connect: (island: string, options: { signal: AbortSignal }) => Promise<string>,
): RemoteRequests {
  async function say(island: string, message: ReplicateMessage, signal: AbortSignal): Promise<RequestStatus[]> {
    const peerId = await connect(island, { signal })
    return (await call(network, peerId, replicateSpec, message, { signal })).requests
  }
  const only = ([status]: RequestStatus[]): RequestStatus => {
    if (status === undefined) throw new ArchipelError('PROTOCOL', 'the island answered without a status')
    return status
  }
  return {
    ask: async (island, wanted, signal) => only(await say(island, { op: 'ask', wanted }, signal)),
    plan: async (island, wanted, signal) => only(await say(island, { op: 'plan', wanted }, signal)),
    state: (island, ids, signal) => say(island, { op: 'state', ids }, signal),
    cancel: async (island, id, signal) => only(await say(island, { op: 'cancel', id }, signal)),
  }
}

export async function serveRequests(
  network: StreamAcceptor,
  { handle }: Pick<RequestsPort, 'handle'>,
  options: { stopping: AbortSignal },
): Promise<void> {
  await serve(
    network,
    replicateSpec,
    async (message, { remote, signal }) => {
      const island = remote.island ?? ''
      if (message.op === 'state') return { requests: await handle.state(island, message.ids) }
      if (message.op === 'cancel') return { requests: [await handle.cancel(island, message.id)] }
      if (message.op === 'plan') return { requests: [await handle.plan(island, message.wanted, signal)] }
      return { requests: [await handle.ask(island, message.wanted)] }
    },
    options,
  )
}
