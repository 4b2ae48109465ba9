import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { requires, suite } from '../kit/index.ts'
import { Fleet, type FleetIsland } from './fleet.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LONG = { timeoutMs: 180_000 }

const test = suite('an island of the previous commit')

const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 256 * 1024 * 1024 })

/**
 * What this tree is compared with: the commit before, or the last one where there are changes that are in none. A clone
 * without history has the last one only.
 */
function previous(): string {
  const dirty = git('status', '--porcelain', '--', 'src').toString().trim() !== ''
  const parse = (name: string) => git('rev-parse', '--verify', '--quiet', name).toString().trim()
  if (dirty) return parse('HEAD')
  try {
    return parse('HEAD~1')
  } catch {
    return parse('HEAD')
  }
}

function historyIsHere(): boolean {
  try {
    return previous().length > 0
  } catch {
    return false
  }
}

test(
  'joins the present ones, exchanges catalogs both ways, and each answers the other’s question',
  async (t) => {
    await requires('history of the repository', historyIsHere, 'clone it with git')
    const old = await t.tmpdir()
    const tar = git('archive', '--format=tar', previous(), 'src', 'package.json')
    writeFileSync(join(old, 'tree.tar'), tar)
    execFileSync('tar', ['-xf', join(old, 'tree.tar'), '-C', old])
    symlinkSync(join(ROOT, 'node_modules'), join(old, 'node_modules'))
    const main = join(old, 'src', 'node', 'cli', 'main.ts')

    const fleet = await Fleet.create(t)
    const present = await fleet.found('present')
    const before = await fleet.join('before', present, { main })
    const another = await fleet.join('another', present)
    const publish = async (island: FleetIsland, name: string) => {
      const path = join(island.files, `${name}.csv`)
      await writeFile(path, `who,n\n${name},1\n`)
      await fleet.run(island, ['publish', path, '--name', name])
    }
    await publish(present, 'of_present')
    await publish(before, 'of_before')
    await fleet.converged([present, before, another], { datasets: 2 })
    const asked = await before.client().sql({ sql: 'SELECT who FROM of_present' })
    assert.equal(asked.result.rows, [['of_present']])
    const answered = await another.client().sql({ sql: 'SELECT who FROM of_before' })
    assert.equal(answered.result.rows, [['of_before']])
    assert.is(answered.ranAt?.name, 'before')
  },
  LONG,
)

test.run()
