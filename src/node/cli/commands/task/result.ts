import type { Command } from 'commander'
import { ArchipelError } from '../../../../protocols/model/errors.ts'
import { noResult } from '../../../../protocols/model/no-result.ts'
import type { Cli } from '../../context.ts'
import { printResult } from '../../print-result.ts'
import { waitForEnd } from '../../run-task.ts'
import { targetOf } from '../../save-result.ts'
import { notBoth } from '../../task-options.ts'
import { failureOf, isEnded, shortTask, stateWords, taskIdOf } from '../../task-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .option('--wait', 'wait for its end; Ctrl-C ends the waiting, not the task')
    .option('--csv', 'print a table as CSV')
    .option('--output <path>', 'save it: .csv, .json, .ndjson, .parquet, .arrow, the ending of an item, or <folder>/')
    .addHelpText('after', '\nExample:\n  $ archipel task result mb3k2x9f --output stars.parquet')
    .action(async (text: string, { wait, csv, output }: { wait?: boolean; csv?: boolean; output?: string }) => {
      const { io, signal } = cli
      notBoth(csv, io.json)
      if (output !== undefined && csv) throw new ArchipelError('BAD_INPUT', 'give --output or --csv, not both')
      const target = output === undefined ? undefined : await targetOf(output, { tableOnly: false })
      const client = await cli.client()
      const id = await taskIdOf(client, text, signal)
      const view = wait ? await waitForEnd(cli, client, id, { follow: false }) : await client.tasks.show(id, { signal })
      if (view.waitsFor !== undefined) throw noResult(view)
      if (!isEnded(view))
        throw new ArchipelError('TASK_STATE', `the task has no result yet: ${stateWords(view)}`, {
          hint: `\`archipel task result ${shortTask(id)} --wait\` waits for it.`,
        })
      if (view.state !== 'succeeded') throw failureOf(view)
      if (view.result === undefined) throw noResult(view)
      await printResult(io, { client, view, signal }, { csv, target })
    })
}
