#!/usr/bin/env node
// Starts the command line: the built one in the published package, the sources in a checkout.
// Plain old JavaScript on purpose, so that an older Node gets as far as saying what is missing.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const here = (path) => new URL(`../${path}`, import.meta.url)
const built = here('dist/node/cli/main.js')
const sources = here('src/node/cli/main.ts')
const main = existsSync(built) ? built : sources

if (!existsSync(main)) {
  console.error('archipel: this installation is incomplete: neither dist/ nor src/ is there; install it again')
  process.exit(1)
} else if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  await import(main.href)
} else {
  const own = fileURLToPath(here('node_modules/node/bin/node'))
  if (!existsSync(own) || process.env.ARCHIPEL_REEXEC === '1') {
    console.error(`archipel: Node.js ${NEEDED} or newer is needed, this is ${process.version}`)
    console.error('archipel: install it from https://nodejs.org, or run "npm ci" in a checkout, which brings its own')
    process.exit(1)
  }
  runWith(own)
}

/** Runs this very file with another Node and ends as it ends. */
function runWith(node) {
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  const child = spawn(node, args, { stdio: 'inherit', env: { ...process.env, ARCHIPEL_REEXEC: '1' } })
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2']) {
    // A terminal sends its own signals to both processes; passed on, they would arrive twice.
    const fromTerminal = process.stdin.isTTY && ['SIGINT', 'SIGQUIT', 'SIGHUP'].includes(signal)
    process.on(signal, () => fromTerminal || child.kill(signal))
  }
  child.once('error', (error) => {
    console.error(`archipel: cannot start ${node}: ${error.message}`)
    process.exit(1)
  })
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
