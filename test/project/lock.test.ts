import { readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'

interface Locked {
  version?: string
  resolved?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

const root = new URL('../../', import.meta.url)
const read = async (file: string) => JSON.parse(await readFile(new URL(file, root), 'utf8'))

const test = suite('the lock file')

/** npm leaves out what the registry at hand did not have for other systems, and `npm ci` then refuses the file. */
test('names every dependency, those for other systems too, so that npm ci accepts it everywhere', async () => {
  const packages: Record<string, Locked> = (await read('package-lock.json')).packages
  const missing: string[] = []
  for (const [path, { dependencies, optionalDependencies }] of Object.entries(packages)) {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (!resolves(packages, path, name)) missing.push(`${name} of ${path || 'the project'}`)
    }
  }
  assert.ok(Object.keys(packages).length > 50, 'the file is read')
  assert.equal(missing, [])
})

test('names no registry, so that each site can use its own', async () => {
  const packages: Record<string, Locked> = (await read('package-lock.json')).packages
  const named = Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)
  assert.equal(
    named.map(([path]) => path),
    [],
  )
})

test('the project pins exact versions only', async () => {
  const { dependencies, devDependencies } = await read('package.json')
  for (const [name, version] of Object.entries<string>({ ...dependencies, ...devDependencies })) {
    assert.match(version, /^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/, `${name}: ${version}`)
  }
})

/** Looks where Node would look: beside the package, then in the folders above. */
function resolves(packages: Record<string, Locked>, from: string, name: string): boolean {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    if (packages[`${base === '' ? '' : `${base}/`}node_modules/${name}`] !== undefined) return true
    if (base === '') return false
  }
}

test.run()
