import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { durationOf, TOKEN_EXPIRES } from '../../duration.ts'
import { scopesOf } from '../../scopes.ts'

interface Options {
  name: string
  scope: string
  expires?: string
}

export function define(command: Command, cli: Cli): void {
  command
    .requiredOption('--name <name>', 'what tasks and the journal call whoever uses it')
    .option('--scope <list>', 'what it may do: read, run, publish or admin, or several of them', 'read')
    .option('--expires <duration>', 'how long it is good, e.g. 12h, 90d; without it, until it is revoked')
    .addHelpText(
      'after',
      '\nrun and publish imply read; admin implies all.\n\nExample:\n  $ archipel token create --name notebook --scope run,publish --expires 90d > notebook.token',
    )
    .action(async ({ name, scope, expires }: Options) => {
      const { io, signal } = cli
      const scopes = scopesOf(scope)
      const expiresMs = expires === undefined ? {} : { expiresMs: durationOf(expires, TOKEN_EXPIRES) }
      const client = await cli.client()
      const made = await client.tokens.create({ name, scopes, ...expiresMs }, { signal })
      if (io.json) return io.printJson(made)
      io.print(made.token)
      const until = made.expires === undefined ? 'until it is revoked' : `until ${made.expires}`
      io.note(`Token ${made.id} (${made.name}) may ${made.scopes.join(', ')}, ${until}. It is shown this once.`)
    })
}
