import { connect } from 'node:net'
import { reachSpec } from '../../protocols/heartbeat/messages.ts'
import { call } from '../../protocols/wire/client.ts'
import { serve } from '../../protocols/wire/server.ts'
import type { NetworkPort } from '../network/port.ts'

export interface ReachComponents {
  network: NetworkPort
  /** Addresses in the catalog's card of the island that asks. */
  cardAddresses: (island: string) => string[]
}

export interface ReachPort {
  start(): Promise<void>
  stop(): void
  /** Asks up to three connected peers; true as soon as one reached an address, false when all failed, 'unknown' when nobody could be asked. */
  check(options?: { signal?: AbortSignal }): Promise<boolean | 'unknown'>
  /** What the last check found. */
  last(): boolean | 'unknown'
}

const GREETING = '/multistream/1.0.0'
const CONNECT_MS = 3_000
const ASK = 3
/** How often the addresses are checked when nothing asks for it. */
const EVERY_MS = 10 * 60_000
const FIRST_MS = 3_000

/** Whether others can dial this island, found out by asking them. */
export function reach(components: ReachComponents): ReachPort {
  const { network } = components
  const stopping = new AbortController()
  let result: boolean | 'unknown' = 'unknown'
  let timer: NodeJS.Timeout | undefined

  async function check(options: { signal?: AbortSignal } = {}): Promise<boolean | 'unknown'> {
    const addresses = network
      .addresses()
      .announced.filter((a) => !a.includes('/p2p-circuit'))
      .slice(0, 16)
    if (addresses.length === 0) {
      result = false
      return result
    }
    const peers = network
      .connections()
      .filter((p) => !p.relayed)
      .slice(0, ASK)
    const answers = await Promise.all(
      peers.map(async ({ peerId }) => {
        try {
          return (await call(network, peerId, reachSpec, { addresses }, options)).reachable.length > 0
        } catch {
          return undefined
        }
      }),
    )
    if (answers.includes(true)) result = true
    else if (answers.includes(false)) result = false
    return result
  }

  function later(ms: number): void {
    timer = setTimeout(
      () =>
        void check({ signal: stopping.signal }).finally(
          () => !stopping.signal.aborted && later(result === 'unknown' ? FIRST_MS * 5 : EVERY_MS),
        ),
      ms,
    )
  }

  return {
    async start() {
      await serve(
        network,
        reachSpec,
        async ({ addresses }, { remote, signal }) => {
          const from = hostOf(remote.address)
          const announced = new Set(remote.island === undefined ? [] : components.cardAddresses(remote.island))
          // Through a relay, its host would be taken for the asker's.
          const relayed = remote.address.includes('/p2p-circuit')
          const allowed = addresses.filter((a) => mayTry(a, { from: relayed ? undefined : from, announced }))
          const tried = await Promise.all(allowed.map(async (a) => ((await greets(a, signal)) ? a : undefined)))
          return { reachable: tried.filter((a) => a !== undefined) }
        },
        { stopping: stopping.signal },
      )
      later(FIRST_MS)
    },
    stop() {
      clearTimeout(timer)
      stopping.abort()
    },
    check,
    last: () => result,
  }
}

/** Opens a TCP connection to an `/ip4|ip6|dns*\/.../tcp/...` address and waits for a libp2p greeting. */
export async function greets(address: string, signal: AbortSignal): Promise<boolean> {
  const match = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(address)
  const port = Number(match?.[2])
  if (match === null || port < 1 || port > 65_535 || signal.aborted) return false
  return await new Promise((resolve) => {
    const socket = connect({ host: match[1]!, port })
    let text = ''
    const done = (ok: boolean) => {
      signal.removeEventListener('abort', fail)
      socket.destroy()
      resolve(ok)
    }
    const fail = () => done(false)
    signal.addEventListener('abort', fail, { once: true })
    socket.setTimeout(CONNECT_MS, fail)
    socket.on('error', fail)
    socket.on('close', fail)
    socket.on('connect', () => socket.write(Buffer.from(`\x13${GREETING}\n`, 'latin1')))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes(GREETING)) done(true)
      else if (text.length > 256) done(false)
    })
  })
}

/** Own services are tried for nobody but those on the same machine: a member must not look at them through this island. */
function mayTry(address: string, asker: { from: string | undefined; announced: ReadonlySet<string> }): boolean {
  const host = hostOf(address)
  if (host === undefined) return false
  return host === asker.from || (asker.announced.has(address) && !LOOPBACK.test(host))
}

const LOOPBACK = /^(?:127\.|0\.|::1?$|::ffff:(?:127\.|7f)|localhost$|.*\.localhost$)/i

function hostOf(address: string): string | undefined {
  return /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)/.exec(address)?.[1]
}
