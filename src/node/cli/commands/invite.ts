import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { durationOf, EXPIRES } from '../duration.ts'

export function define(command: Command, cli: Cli): void {
  command
    .option('--expires <duration>', 'how long the ticket is good, e.g. 30m, 24h, 7d', '24h')
    .option('--may-invite', 'let the new member invite others')
    .option('--local', 'make a ticket even when only this machine or network reaches this island')
    .addHelpText('after', '\nExample:\n  $ archipel invite --expires 7d > ticket.txt')
    .action(async ({ expires, mayInvite, local }: { expires: string; mayInvite?: boolean; local?: boolean }) => {
      const { io, signal } = cli
      const expiresMs = durationOf(expires, EXPIRES)
      const client = await cli.client()
      const invitation = await client.invite({ expiresMs, mayInvite, local }, { signal })
      if (io.json) return io.printJson(invitation)
      io.print(invitation.ticket)
      io.note(
        `Ticket ${invitation.id}, good for one island until ${invitation.expires}. At the other site: archipel join <ticket>`,
      )
    })
}
