import type { Logger } from 'pino'
import { joinSpec } from '../../protocols/join/messages.ts'
import { decodeRecord } from '../../protocols/record/envelope.ts'
import { call } from '../../protocols/wire/client.ts'
import type { CatalogPort } from '../catalog/port.ts'
import type { NetworkPort } from '../network/port.ts'

export interface StandingComponents {
  catalog: CatalogPort
  network: NetworkPort
  /** The admissions that lead to this island. */
  chain: () => Uint8Array[]
  /** Aborts when the island stops. */
  signal: AbortSignal
  logger: Logger
}

const AGAIN_MS = 5_000

/** Where a peer may not know us yet, we show how we became a member; where it says that we were revoked, it has to prove it. */
export function showStanding(components: StandingComponents): (peerId: string) => Promise<void> {
  const { catalog, network, signal } = components

  return async function show(peerId: string): Promise<void> {
    try {
      const request = { type: 'present' as const, facts: components.chain() }
      const reply = await call(network, peerId, joinSpec, request, { signal })
      if (reply.type === 'standing' && reply.standing === 'revoked') {
        await catalog.addFacts(reply.facts.map((bytes) => decodeRecord(bytes)))
      }
    } catch (error) {
      if (signal.aborted) return
      components.logger.debug({ peer: peerId, error: (error as Error).message }, 'standing not shown')
      const again = () => {
        if (!signal.aborted && network.connections().some((c) => c.peerId === peerId)) void show(peerId)
      }
      setTimeout(again, AGAIN_MS).unref()
    }
  }
}
