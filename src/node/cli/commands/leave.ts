import type { Command } from 'commander'
import { confirm } from '../confirm.ts'
import type { Cli } from '../context.ts'
import { plural } from '../format.ts'
import { withProgress } from '../progress.ts'

export function define(command: Command, cli: Cli): void {
  command
    .option('--yes', 'do not ask; needed where there is no terminal')
    .addHelpText('after', '\nExample:\n  $ archipel leave --yes')
    .action(async ({ yes }: { yes?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      await confirm(cli, 'Withdraw all that this island told, and leave its archipelago?', yes)
      const answer = await withProgress(io, 'leaving', () => client.leave({ signal }))
      if (io.json) return io.printJson(answer)
      io.print(`left; ${plural(answer.withdrawn, 'record')} withdrawn, ${plural(answer.toldPeers, 'island')} told`)
    })
}
