import { createInterface } from 'node:readline/promises'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Cli } from './context.ts'

/** Asks on a terminal; a script has to say --yes. @throws CANCELLED when the answer is not yes; BAD_INPUT where nobody can be asked */
export async function confirm(cli: Cli, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return
  if (!cli.io.interactive)
    throw new ArchipelError('BAD_INPUT', 'nothing was done: this needs a yes, and there is no terminal to ask at', {
      hint: 'Pass --yes when you are sure.',
    })
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: cli.signal })
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    lines.close()
  }
  throw new ArchipelError('CANCELLED', 'nothing was done', { hint: 'Answer y, or pass --yes.' })
}
