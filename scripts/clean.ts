/** Removes generated folders: `node scripts/clean.ts dist`. Only what git ignores by name may be removed. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const REMOVABLE = ['dist', '.cache', 'tmp']
const root = join(import.meta.dirname, '..')
const names = process.argv.slice(2)

for (const name of names) {
  if (!REMOVABLE.includes(name)) {
    console.error(`clean removes ${REMOVABLE.join(', ')} only, not ${name}`)
    process.exit(1)
  }
}
for (const name of names) rmSync(join(root, name), { recursive: true, force: true })
