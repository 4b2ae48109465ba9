/** Publishes in a process of its own: `child.ts <stateDir> <path>`; says how much the kernel read for it. */
import { readFileSync } from 'node:fs'
import { publisher } from '../../src/node/publish/publisher.ts'
import { defaultId } from './kit.ts'

const [stateDir, path] = process.argv.slice(2) as [string, string]
const readBytes = () => Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'latin1'))![1])
const port = publisher({ stateDir, checkpointBytes: 4 * 1024 * 1024, fileConcurrency: 1 })({
  inspectorFor: () => {
    throw new TypeError('nothing to inspect here')
  },
})
const before = readBytes()
const { body } = await port.prepare(
  { path, as: 'files' },
  {
    defaultId,
    onProgress: (p) => process.stdout.write(`${JSON.stringify({ progress: p.bytes.done, phase: p.phase })}\n`),
  },
)
process.stdout.write(`${JSON.stringify({ version: body.version, read: readBytes() - before })}\n`)
await port.stop()
