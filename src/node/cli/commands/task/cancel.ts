import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { isEnded, shortTask, taskIdOf } from '../../task-words.ts'

export function define(command: Command, cli: Cli): void {
  command.addHelpText('after', '\nExample:\n  $ archipel task cancel mb3k2x9f').action(async (text: string) => {
    const { io, signal } = cli
    const client = await cli.client()
    const view = await client.tasks.cancel(await taskIdOf(client, text, signal), { signal })
    if (io.json) return io.printJson(view)
    const short = shortTask(view.id)
    if (view.state === 'cancelled') io.print(`${short} is cancelled`)
    else if (isEnded(view)) io.print(`${short} had ended before: ${view.state}`)
    else io.print(`${short} is being cancelled`)
  })
}
