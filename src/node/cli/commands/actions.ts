import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as list from './actions/list.ts'
import * as remove from './actions/remove.ts'
import * as run from './actions/run.ts'
import * as save from './actions/save.ts'
import * as share from './actions/share.ts'
import * as show from './actions/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['save', 'keep a piece of work under a name', save],
  ['list', 'list the actions of this island and those that others share', list],
  ['show', 'show an action', show],
  ['run', 'run an action, and print its result', run],
  ['share', 'show an action to all islands, as it is now', share],
  ['remove', 'remove an action of this island, and withdraw it', remove],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nAn action is named, reusable work: code or a JAR, its data, and parameters with types and defaults.\n\nExample:\n  $ archipel actions save brightest brightest.sql --param limit:integer=5\n  $ archipel actions run brightest --param limit=3',
    )
  for (const [name, summary, module] of VERBS) await module.define(command.command(name).description(summary), cli)
}
