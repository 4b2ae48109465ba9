/** What the editor offers, without a browser. */
import { readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import type { DatasetView } from '../../src/protocols/model/views.ts'
import { datasetOptions, isAmbiguous, MEMBERS } from '../../src/web/ui/rooms/editor/options.ts'
import { suite } from '../kit/index.ts'

const test = suite('the page: what the editor offers')

const view = (id: string, name: string, publisher: string) =>
  ({ id, body: { name, title: name, rows: 3, size: 10 }, publisher: { id: publisher, name: publisher } }) as DatasetView

test('a name of two islands is offered once per dataset, and inserts the id', () => {
  const known = [view('ark:/1/a', 'stars', 'east'), view('ark:/1/b', 'Stars', 'west'), view('ark:/1/c', 'dust', 'east')]
  const quote = (name: string) => (/^\w+$/.test(name) ? name : `"${name}"`)
  assert.equal(
    datasetOptions(known, quote).map(({ label, apply, detail }) => [label, apply, detail]),
    [
      ['stars', '"ark:/1/a"', 'east, 3 rows'],
      ['Stars', '"ark:/1/b"', 'west, 3 rows'],
      ['dust', 'dust', 'east, 3 rows'],
    ],
  )
  assert.equal(
    known.map((one) => isAmbiguous(one, known)),
    [true, true, false],
  )
})

test('what is offered of archipel is what a program finds there', async () => {
  const source = await readFile(new URL('../../src/node/engines/drivers/archipel.py', import.meta.url), 'utf8')
  const functions = [...source.matchAll(/^def ([a-z]\w*)/gm)].map((found) => found[1]!)
  const values = [...source.matchAll(/^([a-z]\w*) = /gm)].map((found) => found[1]!)
  assert.equal(MEMBERS.map(({ label }) => label).toSorted(), [...functions, ...values].toSorted())
})

test.run()
