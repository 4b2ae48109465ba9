import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as cancel from './requests/cancel.ts'
import * as list from './requests/list.ts'
import * as show from './requests/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['list', 'list requests to hold data, newest first', list],
  ['show', 'show a request', show],
  ['cancel', 'end it, from either side; whole files that were brought stay', cancel],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nIncoming requests are those of other islands to this one; archipel replicate makes an outgoing one.\n\nExample:\n  $ archipel requests list --incoming',
    )
  for (const [name, summary, module] of VERBS)
    await module.define(command.command(name, { isDefault: name === 'list' }).description(summary), cli)
}
