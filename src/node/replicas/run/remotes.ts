import type { TransferCarrier } from '../../../protocols/model/transfer.ts'
import {
  capabilitySpec,
  haveSpec,
  type RangeItem,
  type RangesRequest,
  rangesSpec,
  tablesSpec,
} from '../../../protocols/transfer/messages.ts'
import { call, callSeries, isUnsupported, type StreamOpener } from '../../../protocols/wire/client.ts'
import { type HttpsSources, type HttpsSourcesComponents, httpsSources } from './https.ts'
import type { RemoteHolder, RemoteOf } from './port.ts'

export interface RemotesComponents extends Omit<HttpsSourcesComponents, 'leave'> {
  network: StreamOpener
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
}

export interface Remotes extends Pick<HttpsSources, 'receivedBytes' | 'stop'> {
  of: RemoteOf
}

/** Begun when the first item is asked for. No generator between: items are small and many. */
function lazily<T>(begin: () => Promise<AsyncIterable<T>>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      let inner: AsyncIterator<T> | undefined
      const first = async () => {
        inner = (await begin())[Symbol.asyncIterator]()
        return await inner.next()
      }
      return {
        next: () => inner?.next() ?? first(),
        return: async (value) => (await inner?.return?.(value)) ?? { done: true, value },
      }
    },
  }
}

/** Holders, asked over libp2p streams; for bytes by HTTPS, where they offer it and it connects. */
export function remotes(components: RemotesComponents): Remotes {
  const { network, connect } = components
  const https = httpsSources({
    ...components,
    async leave(island, request, signal) {
      try {
        return await call(network, await connect(island, { signal }), capabilitySpec, request, { signal })
      } catch (error) {
        // It gave bytes by HTTPS before it was started anew.
        if (isUnsupported(error)) return undefined
        throw error
      }
    },
  })

  function remote(island: string, files: readonly string[]): RemoteHolder {
    let carrier: TransferCarrier = 'libp2p'

    async function bytes(request: RangesRequest, signal: AbortSignal): Promise<AsyncIterable<RangeItem>> {
      const fast = await https.ranges(island, request, files, signal)
      carrier = fast === undefined ? 'libp2p' : 'https'
      return fast ?? callSeries(network, await connect(island, { signal }), rangesSpec, request, { signal })
    }

    return {
      carrier: () => carrier,
      async have(pinned, signal) {
        return await call(network, await connect(island, { signal }), haveSpec, pinned, { signal })
      },
      async *tables(request, signal) {
        yield* callSeries(network, await connect(island, { signal }), tablesSpec, request, { signal })
      },
      ranges: (request, signal) => lazily(() => bytes(request, signal)),
    }
  }

  return { of: (island, files = []) => remote(island, files), receivedBytes: https.receivedBytes, stop: https.stop }
}
