import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { drained } from '../drained.ts'
import { bytes } from '../format.ts'
import { saveBytes } from '../save-result.ts'

interface Options {
  range?: string
  output?: string
  datasetVersion?: string
}

/** As in HTTP: first and last byte, or the last so many. @throws BAD_INPUT */
function rangeOf(text: string | undefined, size: number): { from: number; to: number } {
  if (text === undefined) return { from: 0, to: size }
  const [, first = '', last = ''] = /^(\d{0,15})-(\d{0,15})$/.exec(text) ?? []
  if ((first === '' && last === '') || (first !== '' && last !== '' && Number(last) < Number(first)))
    throw new ArchipelError('BAD_INPUT', '--range: has to be <first>-<last>, <first>- or -<how many>')
  if (first === '') return { from: Math.max(0, size - Number(last)), to: size }
  return { from: Number(first), to: last === '' ? size : Math.min(size, Number(last) + 1) }
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .argument('<path>', 'the path of a file in it, as `archipel files` lists them')
    .option('--range <bytes>', 'first and last byte, as 0-99, 100- or -8')
    .option('--output <file>', 'save it there (default: standard output)')
    .option('--dataset-version <v>', 'this version, or its first eight digits (default: the newest)')
    .addHelpText(
      'after',
      '\nWhat is not at this island is fetched, and stays.\n\nExample:\n  $ archipel read survey 2026/run1.fits --range 0-2879',
    )
    .action(async (ref: string, path: string, { range, output, datasetVersion }: Options) => {
      const { io, signal } = cli
      const client = await cli.client()
      const { open, ...known } = await client.read({ ref, path, version: datasetVersion }, { signal })
      const part = rangeOf(range, known.bytes)
      if (output !== undefined) {
        const saved = await saveBytes(output, open(part))
        return io.json
          ? io.printJson({ ...known, output: saved })
          : io.print(`${clean(saved.path)}: ${bytes(saved.bytes)}`)
      }
      if (io.json) return io.printJson(known)
      for await (const chunk of open(part)) {
        process.stdout.write(chunk)
        await drained(signal)
      }
    })
}
