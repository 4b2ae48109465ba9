#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { DaemonPort } from './daemon-port.ts'

// Halves the time to the first answer. In a directory of the user's own: what is read from there is run.
const { XDG_CACHE_HOME: xdg = '' } = process.env
enableCompileCache(join(isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'archipel', 'compile'))

const { runCli } = await import('./run.ts')
process.exitCode = await runCli(process.argv.slice(2), {
  daemon: (): Promise<DaemonPort> => import('../daemon.ts'),
})
