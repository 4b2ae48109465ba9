/** What the commands that work on an island itself, not on a running one, need of `node/daemon.ts`. */
import type { Logger } from 'pino'
import type { IslandPort } from '../../web/ports.ts'
import type { Config } from '../config/schema.ts'

export interface Named {
  id: string
  name: string
}

export interface StartedIsland {
  port: IslandPort
  name: string
  id: string
  archipelago: Named
  /** Of the web service; undefined when `web.enabled` is false. */
  url: string | undefined
  peerId: string
  /** Multiaddrs it listens on. */
  addresses: string[]
  /** Settles when the island has stopped, by `stop` or by itself (after `leave`). */
  stopped: Promise<void>
  stop(): Promise<void>
}

export interface DevIsland {
  name: string
  id: string
  url: string
  token: string
  dataDir: string
}

export interface DaemonPort {
  /** Makes keys and genesis in the data directory; starts nothing. @throws ALREADY_MEMBER, DATA_DIR_LOCKED, DATA_DIR_BROKEN */
  createArchipelago(init: {
    config: Config
    name: string
  }): Promise<{ archipelago: Named; island: Named; recoveryKey: string }>
  /** Starts the network for as long as it takes to redeem the ticket. @throws TICKET_*, UNREACHABLE, ALREADY_MEMBER, ... */
  joinArchipelago(init: {
    config: Config
    ticket: string
    signal: AbortSignal
    logger?: Logger
  }): Promise<{ archipelago: Named; island: Named; issuer: Named }>
  /** The whole daemon, with web service and `daemon.json`. @throws NO_ARCHIPELAGO, DATA_DIR_LOCKED, ADDRESS_IN_USE, ... */
  startIsland(init: { config: Config; signal: AbortSignal; logger: Logger }): Promise<StartedIsland>
  /** Islands of one archipelago in this process. Removes what it made in `baseDir` when that was not given. */
  startDev(init: {
    islands: number
    /** A temporary directory when undefined. */
    baseDir: string | undefined
    signal: AbortSignal
    logger: Logger
  }): Promise<{ archipelago: Named; islands: DevIsland[]; stop(): Promise<void> }>
}
