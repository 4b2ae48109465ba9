import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { openInBrowser } from '../open-browser.ts'
import { findIsland } from '../remote.ts'
import { scopesOf } from '../scopes.ts'

export function define(command: Command, cli: Cli): void {
  command
    .option('--print', 'print the link, do not open it')
    .option('--no-browser', 'the same')
    .option('--scope <list>', 'what the browser may do: read, run, publish or admin', 'admin')
    .addHelpText(
      'after',
      '\nThe link signs one browser in, once, within five minutes; the session lasts seven days.\n\nExample:\n  $ archipel open --print',
    )
    .action(async ({ print, browser, scope }: { print?: boolean; browser: boolean; scope: string }) => {
      const { io, signal } = cli
      const scopes = scopesOf(scope)
      const { url } = findIsland(cli.globals(), process.env)
      const client = await cli.client()
      const { code, expires } = await client.signInCode({ scopes }, { signal })
      // After the #: no server, log or proxy sees it.
      const link = `${url.replace(/\/+$/, '')}/#sign-in=${code}`
      const opened = !print && browser && (await openInBrowser(link))
      if (io.json) return io.printJson({ url: link, expires, opened })
      if (opened) return io.note(`The page of the island opens in your browser: ${url}`)
      io.print(link)
      if (!print && browser) io.note('No browser could be opened here.')
      io.note(`Open the link in a browser; it signs in once, until ${expires}.`)
    })
}
