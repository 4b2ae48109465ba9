import type { Command } from 'commander'
import { cleanLines } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { drained } from '../../drained.ts'
import { logText } from '../../run-task.ts'
import { taskIdOf } from '../../task-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .option('--follow', 'go on until it has ended')
    .addHelpText('after', '\nExample:\n  $ archipel task log mb3k2x9f --follow')
    .action(async (text: string, { follow = false }: { follow?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const id = await taskIdOf(client, text, signal)
      const parts: string[] = []
      for await (const part of logText(client, id, { follow, signal })) {
        if (io.json) parts.push(part)
        else io.write(process.stdout.isTTY ? cleanLines(part) : part)
        await drained(signal)
      }
      if (io.json) io.printJson({ task: id, log: parts.join('') })
    })
}
