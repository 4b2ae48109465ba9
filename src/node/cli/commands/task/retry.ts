import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { shortTask, taskIdOf } from '../../task-words.ts'

export function define(command: Command, cli: Cli): void {
  command.addHelpText('after', '\nExample:\n  $ archipel task retry mb3k2x9f').action(async (text: string) => {
    const { io, signal } = cli
    const client = await cli.client()
    const view = await client.tasks.retry(await taskIdOf(client, text, signal), { signal })
    if (io.json) return io.printJson(view)
    io.print(view.id)
    io.note(`Next: archipel task result ${shortTask(view.id)} --wait`)
  })
}
