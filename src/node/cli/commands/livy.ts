import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as end from './livy/end.ts'
import * as list from './livy/list.ts'
import * as output from './livy/output.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['list', 'list its sessions and batches: where each runs, and why', list],
  ['end', 'end a session or batch, and what runs in it', end],
  ['output', 'print the output of a statement as JSON, however large', output],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nClients of Apache Livy use this island at /livy of its web service, with a token as password.\n\nExample:\n  $ archipel livy list',
    )
  for (const [name, summary, module] of VERBS) await module.define(command.command(name).description(summary), cli)
}
