import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { bytes, plural } from '../format.ts'
import { withProgress } from '../progress.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--checksums', 'print the SHA-256 of the files in the form of sha256sum')
    .addHelpText('after', '\nReads every file of it that is at this island.\n\nExample:\n  $ archipel verify survey')
    .action(async (ref: string, { checksums }: { checksums?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const found = await withProgress(io, 'reading', () => client.verify(ref, { checksums }, { signal }))
      if (io.json) io.printJson(found)
      else {
        for (const { path, sha256 } of found.checksums ?? []) io.print(`${sha256}  ${clean(path)}`)
        for (const path of found.bad) io.print(`bad ${clean(path)}`)
        const words = `${plural(found.good.files, 'file')} good, ${bytes(found.good.bytes)}; it is ${found.state}`
        if (checksums) io.note(words)
        else io.print(words)
      }
      if (found.bad.length > 0)
        throw new ArchipelError('BAD_DATA', `${plural(found.bad.length, 'file')} of it are not what they should be`, {
          hint:
            found.state === 'stale' ? 'Publish it again.' : 'They are fetched again by themselves: archipel transfers.',
        })
    })
}
