#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { DaemonPort } from './daemon-port.ts'

// Halves the time to the first answer. In a directory of the user's own: what is read from there is run.
const { XDG_CACHE_HOME: xdg = '' } = process.env
enableCompileCache(join(isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'archipel', 'compile'))

const { runCli } = await import('./run.ts')
// Deadlines alone do not keep a process alive: whoever waits for one only would end here, without a word.
const alive = setInterval(() => {}, 60_000)
process.exitCode = await runCli(process.argv.slice(2), {
  daemon: (): Promise<DaemonPort> => import('../daemon.ts'),
})
clearInterval(alive)
