import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { ArchipelError, errorFromInfo } from '../../../../protocols/model/errors.ts'
import type { StatementView } from '../../../../protocols/model/views.ts'
import type { IslandClient } from '../../../../web/client/node.ts'
import type { Cli } from '../../context.ts'
import { readStdin } from '../../read-input.ts'
import { printOutput, sessionNumber } from '../../session-words.ts'
import { wholeNumber } from '../../whole-number.ts'

/** Milliseconds between two looks at a statement: more each time, up to the last. */
const FIRST_LOOK_MS = 25
const LAST_LOOK_MS = 1000

const isOver = ({ state }: StatementView) => state === 'available' || state === 'error' || state === 'cancelled'

async function end(
  client: IslandClient,
  session: number,
  statement: StatementView,
  signal: AbortSignal,
): Promise<StatementView> {
  let view = statement
  try {
    for (let wait = FIRST_LOOK_MS; !isOver(view); wait = Math.min(LAST_LOOK_MS, wait * 1.5)) {
      await sleep(wait, undefined, { signal })
      view = await client.statements.show(session, view.id, { signal })
    }
    return view
  } catch (error) {
    if (signal.aborted) await client.statements.cancel(session, view.id).catch(() => {})
    throw error
  }
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'number of a session')
    .argument('<code>', 'a statement; - for standard input')
    .option('--max-rows <n>', 'rows of a table, at most 10000', '1000')
    .addHelpText('after', '\nCtrl-C cancels the statement.\n\nExample:\n  $ archipel session run 1 "1 + 1"')
    .action(async (text: string, argument: string, { maxRows }: { maxRows: string }) => {
      const { io, signal } = cli
      const session = sessionNumber(text)
      const most = wholeNumber(maxRows, '--max-rows', 10_000)
      const code = argument === '-' ? await readStdin(signal) : argument
      const client = await cli.client()
      const begun = await client.statements.create(session, { code, maxRows: most }, { signal })
      const view = await end(client, session, begun, signal)
      if (view.output?.status === 'error') throw errorFromInfo(view.output.error)
      if (io.json) return io.printJson(view)
      if (view.output === null) throw new ArchipelError('CANCELLED', 'the statement was cancelled')
      printOutput(io, view.output)
    })
}
