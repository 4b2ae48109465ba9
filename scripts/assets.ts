/** What the compiler leaves out of the built package: the drivers of programs, copied, and the bundles for browsers. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUNDLES, type BundleName, build } from '../src/web/server/bundle.ts'

const FOLDERS = ['node/engines/drivers', 'node/engines/livy/preludes']
const root = join(import.meta.dirname, '..')

for (const folder of FOLDERS)
  cpSync(join(root, 'src', folder), join(root, 'dist', folder), {
    recursive: true,
    filter: (path) => !path.includes('__pycache__'),
  })

for (const name of Object.keys(BUNDLES) as BundleName[]) {
  const to = join(root, 'dist/web/bundles', name)
  mkdirSync(to, { recursive: true })
  for (const file of await build(name)) writeFileSync(join(to, file.name), file.bytes)
}
