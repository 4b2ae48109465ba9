import { haveSpec, rangesSpec, tablesSpec } from '../../../protocols/transfer/messages.ts'
import { call, callSeries, type StreamOpener } from '../../../protocols/wire/client.ts'
import type { RemoteHolder } from './port.ts'

export interface RemotesComponents {
  network: StreamOpener
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
}

/** Holders over libp2p streams. */
export function remotes({ network, connect }: RemotesComponents): (island: string) => RemoteHolder {
  return (island) => ({
    async have(pinned, signal) {
      return await call(network, await connect(island, { signal }), haveSpec, pinned, { signal })
    },
    async *tables(request, signal) {
      yield* callSeries(network, await connect(island, { signal }), tablesSpec, request, { signal })
    },
    async *ranges(request, signal) {
      yield* callSeries(network, await connect(island, { signal }), rangesSpec, request, { signal })
    },
  })
}
