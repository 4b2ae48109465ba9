import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import { changing } from './transfers/change.ts'
import * as list from './transfers/list.ts'
import * as priority from './transfers/priority.ts'
import * as show from './transfers/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['list', 'list transfers, newest first', list],
  ['show', 'show a transfer with its sources', show],
  ['pause', 'stop it; what is verified stays', changing('pause')],
  ['resume', 'go on with one that is paused or failed', changing('resume')],
  ['cancel', 'end it; whole files stay', changing('cancel')],
  ['priority', 'say which one that waits comes first', priority],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nA transfer is named by its id, or by a part of it.\n\nExample:\n  $ archipel transfers list',
    )
  for (const [name, summary, module] of VERBS)
    await module.define(command.command(name, { isDefault: name === 'list' }).description(summary), cli)
}
