/** What the command line starts: loaded only by the commands that need it, since libp2p takes its time. */
export { createArchipelago, joinArchipelago } from './archipelago.ts'
export { startDev } from './dev.ts'
export { startIsland } from './island.ts'
