/** What the commands that work on an island itself, not on a running one, need of `node/daemon.ts`. */
import type { createArchipelago, joinArchipelago } from '../archipelago.ts'
import type { startDev } from '../dev.ts'
import type { startIsland } from '../island.ts'

export type { StartedIsland } from '../island.ts'

export interface DaemonPort {
  /** Makes keys and genesis in the data directory; starts nothing. @throws ALREADY_MEMBER, DATA_DIR_LOCKED, DATA_DIR_BROKEN */
  createArchipelago: typeof createArchipelago
  /** Starts the network for as long as it takes to redeem the ticket. @throws TICKET_*, UNREACHABLE, ALREADY_MEMBER, ... */
  joinArchipelago: typeof joinArchipelago
  /** The whole daemon, with web service and `daemon.json`. @throws NO_ARCHIPELAGO, DATA_DIR_LOCKED, ADDRESS_IN_USE, ... */
  startIsland: typeof startIsland
  /** Islands of one archipelago in this process. Removes what it made in `baseDir` when that was not given. */
  startDev: typeof startDev
}
