import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as create from './session/create.ts'
import * as remove from './session/delete.ts'
import * as list from './session/list.ts'
import * as log from './session/log.ts'
import * as run from './session/run.ts'
import * as show from './session/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['create', 'open a session', create],
  ['list', 'list the sessions that are open', list],
  ['show', 'show a session with its statements', show],
  ['run', 'run a statement in a session, and print what comes out', run],
  ['log', 'print what its statements printed', log],
  ['delete', 'end a session', remove],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nWhat a statement defines is there for the next one. A session ends when nobody uses it for a while, or with the island.\n\nExample:\n  $ archipel session create python --data bright_stars',
    )
  for (const [name, summary, module] of VERBS) await module.define(command.command(name).description(summary), cli)
}
