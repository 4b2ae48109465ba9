import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as create from './token/create.ts'
import * as list from './token/list.ts'
import * as revoke from './token/revoke.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['create', 'make a token; it is printed this once', create],
  ['list', 'list tokens and signed-in browsers', list],
  ['revoke', 'end a token or a browser session, at once', revoke],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nPrograms send a token as "Authorization: Bearer <token>". Tasks and the journal have its name.\n\nExample:\n  $ archipel token create --name notebook --scope run --expires 90d',
    )
  for (const [name, summary, module] of VERBS) await module.define(command.command(name).description(summary), cli)
}
