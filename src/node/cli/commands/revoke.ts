import { type Command, Option } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { clean } from '../clean.ts'
import { confirm } from '../confirm.ts'
import type { Cli } from '../context.ts'
import { oneLine, readArgument } from '../read-input.ts'

interface Options {
  ticket?: string
  invitees?: 'keep' | 'revoke'
  recoveryKey?: string
  yes?: boolean
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[island]', 'id or name of the member')
    .option('--ticket <id>', 'revoke a ticket instead: its id, or the ticket')
    .addOption(
      new Option('--invitees <what>', 'what becomes of those whom the member invited').choices(['keep', 'revoke']),
    )
    .option('--recovery-key <key>', 'act with the recovery key: the key, @file, or - for standard input')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .addHelpText('after', '\nExample:\n  $ archipel revoke grenoble --invitees keep')
    .action(async (member: string | undefined, { ticket, invitees, recoveryKey, yes }: Options) => {
      const { io, signal } = cli
      if ((member === undefined) === (ticket === undefined)) {
        throw new ArchipelError('BAD_INPUT', 'name a member or a ticket, one of them')
      }
      const client = await cli.client()
      const key =
        recoveryKey === undefined ? undefined : oneLine(await readArgument(recoveryKey, signal), 'the recovery key')
      if (member !== undefined) await confirm(cli, `Revoke ${member} for good?`, yes)
      const answer = await client.revoke({ member, ticket, invitees, recoveryKey: key }, { signal })
      if (io.json) return io.printJson(answer)
      io.print(`revoked ${clean(answer.revoked)}`)
    })
}
