import { createInterface } from 'node:readline/promises'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Cli } from './context.ts'

/** Asks on a terminal; a script is taken at its word. @throws CANCELLED when the answer is not yes */
export async function confirm(cli: Cli, question: string, yes: boolean | undefined): Promise<void> {
  if (yes || !cli.io.interactive) return
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: cli.signal })
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    lines.close()
  }
  throw new ArchipelError('CANCELLED', 'nothing was done', { hint: 'Answer y, or pass --yes.' })
}
