import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { blocks, commands } from './markdown.ts'
import { NOT_RUN } from './not-run.ts'
import { replay } from './replay.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = ['README.md', 'docs/operator.md', 'docs/livy.md', 'CONTRIBUTING.md']

const test = suite('commands in the documentation')

test('every command of the README works and prints what the page shows', (t) => replay(t, 'README.md'), {
  timeoutMs: 240_000,
})

test('every command of the guide for operators does, too', (t) => replay(t, 'docs/operator.md'), {
  timeoutMs: 240_000,
})

test('every command of the page about Livy that needs no Spark does, too', (t) => replay(t, 'docs/livy.md'), {
  timeoutMs: 240_000,
})

test('a command that is not run is listed with the reason, and nothing is listed that is not there', () => {
  const unlisted: string[] = []
  const used = new Set<string>()
  for (const page of PAGES) {
    for (const block of blocks(readFileSync(join(ROOT, page), 'utf8'))) {
      if (block.run !== undefined) continue
      for (const { text } of commands(block)) {
        if (text in NOT_RUN) used.add(text)
        else unlisted.push(`${page}:${block.line}: ${text}`)
      }
    }
  }
  assert.equal(unlisted, [], 'run it by <!-- run: ... --> or list it in not-run.ts')
  assert.equal(
    Object.keys(NOT_RUN).filter((text) => !used.has(text)),
    [],
    'listed in not-run.ts and in no page',
  )
})

test.run()
