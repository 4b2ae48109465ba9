/** Copies what the compiler leaves out into the built package: the drivers of programs. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'

const FOLDERS = ['node/engines/drivers']
const root = join(import.meta.dirname, '..')

for (const folder of FOLDERS)
  cpSync(join(root, 'src', folder), join(root, 'dist', folder), {
    recursive: true,
    filter: (path) => !path.includes('__pycache__'),
  })
