import type { Command } from 'commander'
import { ArchipelError } from '../../../../protocols/model/errors.ts'
import { taskKind } from '../../../../protocols/model/task.ts'
import type { Cli } from '../../context.ts'

/** A JAR is a batch, never a session. */
const KINDS = taskKind.exclude(['jar'])

export function define(command: Command, cli: Cli): void {
  command
    .argument('<kind>', 'sql, python, r or scala')
    .option(
      '--data <dataset>',
      'a dataset that this island holds, by id or short name (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--name <words>', 'a word for people')
    .addHelpText('after', '\nExample:\n  $ archipel session create sql --data bright_stars')
    .action(async (text: string, { data, name }: { data?: string[]; name?: string }) => {
      const { io, signal } = cli
      const kind = KINDS.safeParse(text)
      if (!kind.success) throw new ArchipelError('BAD_INPUT', `a session is of kind ${KINDS.options.join(', ')}`)
      const client = await cli.client()
      const request = {
        kind: kind.data,
        ...(data === undefined ? {} : { datasets: data }),
        ...(name === undefined ? {} : { name }),
      }
      const view = await client.sessions.create(request, { signal })
      if (io.json) return io.printJson(view)
      io.print(String(view.id))
      io.note(`Session ${view.id} is ${view.state}. Run in it: archipel session run ${view.id} <code>`)
    })
}
