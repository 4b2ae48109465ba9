import type { Command } from 'commander'
import { clean } from '../clean.ts'
import { confirm } from '../confirm.ts'
import type { Cli } from '../context.ts'
import { oneLine, readArgument } from '../read-input.ts'

interface Options {
  recoveryKey?: string
  yes?: boolean
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<island>', 'id or name of the member in quarantine')
    .option('--recovery-key <key>', 'act with the recovery key: the key, @file, or - for standard input')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .addHelpText('after', '\nExample:\n  $ archipel pardon grenoble')
    .action(async (island: string, { recoveryKey, yes }: Options) => {
      const { io, signal } = cli
      const client = await cli.client()
      const key =
        recoveryKey === undefined ? undefined : oneLine(await readArgument(recoveryKey, signal), 'the recovery key')
      await confirm(cli, `Believe ${island} again from now on?`, yes)
      const answer = await client.pardon({ island, recoveryKey: key }, { signal })
      if (io.json) return io.printJson(answer)
      io.print(`${clean(answer.pardoned)} is believed again from epoch ${answer.epoch} of its log on`)
    })
}
