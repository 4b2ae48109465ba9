import * as assert from 'uvu/assert'
import { knownReplicas } from '../../src/node/replicas/known.ts'
import type { Replica } from '../../src/node/replicas/port.ts'
import { suite } from '../kit/index.ts'

const test = suite('replicas: what is known of them')

const replica = (folder: string, id: string, aliases: string[] = []) =>
  ({ folder, id, publisher: 'p', body: { aliases } }) as unknown as Replica
const folders = (found: Replica[]) => found.map((each) => each.folder)

test('they are found by folder, claim, id and alias, as they are now', () => {
  const known = knownReplicas()
  for (const each of [replica('a', 'doi:1', ['urn:x']), replica('b', 'doi:1'), replica('c', 'doi:2')]) known.set(each)
  assert.equal(folders(known.ofClaim('p', 'doi:1')), ['a', 'b'])
  assert.equal(known.ofClaim('q', 'doi:1'), [])
  assert.equal(folders(known.under('urn:x')), ['a'])
  known.set(replica('a', 'doi:1', ['urn:y']))
  assert.equal([folders(known.under('urn:x')), folders(known.under('urn:y'))], [[], ['a']])
  assert.equal(folders(known.all()), ['a', 'b', 'c'], 'a change moves nothing in the list')
  known.delete('a')
  known.delete('never there')
  assert.equal([folders(known.ofClaim('p', 'doi:1')), known.under('urn:y'), known.get('a')], [['b'], [], undefined])
})

test.run()
