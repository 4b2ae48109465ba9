/** Runs one test file: `node test/kit/child.ts <file>`. Started by the runner, one process for each file. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { report } from './report.ts'

/** Handles left this long after the last test fail the file. A stopped libp2p keeps timers for about a second. */
const LEAK_GRACE_MS = 2500

const file = process.argv[2]
if (file === undefined) throw new Error('usage: node test/kit/child.ts <file>')

// Touched now, so that the pipes to the runner are not taken for leaks.
process.stdout.write('')
process.stderr.write('')
const before = count(process.getActiveResourcesInfo())

// uvu would start by itself in the middle of a file that has a top-level await, and lose suites.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]], UVU_INDEX: 0 })
const { exec } = await import('uvu')
await import(pathToFileURL(resolve(file)).href)
await exec()
report({ type: 'done' })

// The timer does not keep the process alive: it fires only when something else does.
setTimeout(() => {
  const resources: string[] = []
  for (const [name, number] of count(process.getActiveResourcesInfo())) {
    const more = number - (before.get(name) ?? 0)
    if (more > 0) resources.push(more === 1 ? name : `${more} ${name}`)
  }
  report({ type: 'leak', resources })
  process.exit(1)
}, LEAK_GRACE_MS).unref()

function count(names: string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
