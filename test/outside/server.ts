/** Programs that serve for a test: killed at its end. */
import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from '../kit/index.ts'

/** @returns its process id */
export function serve(t: TestContext, command: string, args: string[], options: SpawnOptions = {}): number {
  const child = spawn(command, args, { stdio: 'ignore', ...options })
  const ended = once(child, 'exit')
  ended.catch(() => {})
  t.cleanup(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return child.pid!
}
