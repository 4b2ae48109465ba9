import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { describeChanges } from '../describe-versions.ts'
import { firstOf, MAX_SHOWN } from '../first-of.ts'
import { wholeNumber } from '../whole-number.ts'

const PAGE = 1000
const DIFFER = 1
const TROUBLE = 2

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .argument('<from>', 'a version, or its first eight digits')
    .argument('[to]', 'another one (default: the present one)')
    .option('--limit <n>', 'files to show', '100')
    .addHelpText(
      'after',
      '\nExit code: 0 no file differs, 1 files differ, 2 trouble.\n\nExample:\n  $ archipel diff bright_stars 61e9ab0e',
    )
    .action(async (ref: string, from: string, to: string | undefined, { limit }: { limit: string }) => {
      const { io, signal } = cli
      cli.troubleCode = TROUBLE
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const request = { from, ...(to !== undefined && { to }) }
      const diff = await firstOf((page) => client.diff(ref, { ...request, ...page }, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (!diff.same) cli.exitCode = DIFFER
      if (io.json) io.printJson(diff)
      else io.print(describeChanges(diff.changes, diff.items))
    })
}
