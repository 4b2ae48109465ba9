/** A page, read from its beginning to its end with its commands typed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { TestContext } from '../kit/index.ts'
import { blocks, commands } from './markdown.ts'
import { openSession } from './session.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Runs the blocks of a page that need no Livy; with the address of a Livy those that need one, and only them. */
export async function replay(t: TestContext, page: string, { livy }: { livy?: string } = {}): Promise<void> {
  const sessions = new Map<string, Awaited<ReturnType<typeof openSession>>>()
  for (const block of blocks(readFileSync(join(ROOT, page), 'utf8'))) {
    if (block.run === undefined || block.run.livy !== (livy !== undefined)) continue
    const session = sessions.get(block.run.session) ?? (await openSession(t, { livy }))
    sessions.set(block.run.session, session)
    if (block.run.stopped) await session.stop()
    const all = commands(block)
    for (const command of all) await session.run(command, block.run, command === all.at(-1))
  }
  assert.ok(sessions.size > 0, 'the page has a session')
  for (const session of sessions.values()) await session.stop()
}
