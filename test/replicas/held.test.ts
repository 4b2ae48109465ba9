/** What is held of a version: opened whole where many files are asked for, and not for one. */
import * as assert from 'uvu/assert'
import type { SourceFile } from '../../src/node/publish/port.ts'
import { heldFiles } from '../../src/node/replicas/held.ts'
import { suite } from '../kit/index.ts'

const test = suite('replicas: files that are held')
const fileAt = (path: string): SourceFile => ({
  path,
  local: `/x/${path}`,
  size: 1,
  mtimeNs: '1',
  ctimeNs: '1',
  ino: '1',
})

function world({ own }: { own?: string[] }) {
  const asked: string[] = []
  const held = heldFiles({
    store: { table: async () => undefined, putTable: async () => {} },
    shelf: {
      async open() {
        asked.push('replica')
        return { files: 1, file: (path) => (path === 'a' ? fileAt(path) : undefined) }
      },
      async fileOf(_, path) {
        asked.push(`replica ${path}`)
        return path === 'a' ? fileAt(path) : undefined
      },
      all: () => [],
      look: async () => undefined,
    },
    publisher: { pieceTable: async () => new Uint8Array() },
    async published() {
      asked.push('own')
      return own?.map(fileAt)
    },
    block: async () => undefined,
  })
  return { asked, held }
}

const PINNED = { dataset: 'urn:x', version: 'ab'.repeat(32) }

test('one file of a replica is found without opening all of it, again and again', async () => {
  const { asked, held } = world({})
  assert.is((await held.file(PINNED, 'a'))?.local, '/x/a')
  assert.is(await held.file(PINNED, 'b'), undefined)
  assert.equal(asked, ['own', 'replica a', 'own', 'replica b'])
  assert.is((await held.open(PINNED))?.files, 1)
  asked.length = 0
  assert.is((await held.file(PINNED, 'a'))?.local, '/x/a', 'what is open is asked')
  assert.equal(asked, [])
})

test('files published here are listed once, until what is held becomes something else', async () => {
  const { asked, held } = world({ own: ['a', 'b'] })
  assert.is((await held.file(PINNED, 'a'))?.local, '/x/a')
  assert.is((await held.file(PINNED, 'b'))?.local, '/x/b')
  assert.is((await held.open(PINNED))?.files, 2)
  assert.equal(asked, ['own'])
  held.forget()
  assert.is(await held.file(PINNED, 'c'), undefined)
  assert.equal(asked, ['own', 'own'])
})

test.run()
