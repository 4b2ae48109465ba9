/** What a command gets: the terminal, the settings, an island to ask, and the signal that ends it. */
import type { Command } from 'commander'
import type { IslandClient } from '../../web/client/index.ts'
import type { ConfigFlags } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { DaemonPort } from './daemon-port.ts'
import type { Io } from './io.ts'
import type { RemoteFlags } from './remote.ts'

export interface GlobalFlags extends RemoteFlags {
  json?: boolean
  quiet?: boolean
  color?: boolean
}

export interface Cli {
  /** The whole tree; complete only for `completion` and the generated reference. */
  program: Command
  globals(): GlobalFlags
  readonly io: Io
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
  /** The island of --island, or the one of the data directory. Closed after the command. @throws NOT_RUNNING */
  client(): Promise<IslandClient>
  /** The settings, from flags of this command and all else. @throws CONFIG_INVALID */
  config(flags?: Pick<ConfigFlags, 'settings' | 'set'>): Promise<Config>
  daemon(): Promise<DaemonPort>
  /** From now on the signal is the normal way to end (exit code 0), as for a daemon. */
  endsBySignal(): void
  /** What to do when the island is lost while the command waits for something that outlives both. */
  goesOn: string | undefined
  /** The exit code when nothing fails; 0 unless set. */
  exitCode: number
  /** The exit code of any failure, for a command where 1 says something else; that of the error unless set. */
  troubleCode: number | undefined
  /** Loads every command's module into the tree. */
  loadAll(): Promise<void>
}

/** A module of `commands/`: completes its command, which has its name and summary already. */
export interface CommandModule {
  define(command: Command, cli: Cli): void | Promise<void>
}
