/** Work over outside files: Spark is told where they are, the built-in engine gets copies. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { binder } from '../../src/node/datasets/bind.ts'
import { localCopies } from '../../src/node/datasets/copies.ts'
import type { Publication } from '../../src/node/datasets/port.ts'
import { locationsOf, locator, mapsPlace, sparkDataset } from '../../src/node/engines/livy/locations.ts'
import { buildManifest } from '../../src/protocols/manifest/build.ts'
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { suite } from '../kit/index.ts'
import { entryOf, tableOf } from '../replicas/kit.ts'
import { fileOf, listed, sourcesOf, webServer } from './kit.ts'

const test = suite('outside sources: work in place')

test('Spark reads mapped places where they are, and all else from copies', async (t) => {
  const web = await webServer(t)
  const csv = Buffer.from('n\n1\n')
  web.files.set('mapped/n.csv', { bytes: csv, etag: '"1"' })
  web.files.set('other/n.csv', { bytes: csv, etag: '"1"' })
  const dir = join(await t.tmpdir(), 'copies')
  const outside = await sourcesOf(t, { sources: [web.url], dir })
  const manifest = buildManifest([entryOf('n.csv', csv)])
  const locations = [`${web.url}mapped=s3a://survey/dr1/`, '/data=hdfs://nn/data']
  const localPaths = localCopies(
    {
      outside,
      sparkReads: mapsPlace(locations),
      store: { manifest: async () => manifest.blocks },
      publisher: { pieceTable: async () => tableOf(csv) },
    },
    t.signal,
  )
  const { version } = manifest
  const body = { format: 'csv', columns: [{ name: 'n', type: 'BIGINT' }] } as unknown as DatasetBody
  const data = binder({
    look: async (id) => {
      const [file] = await listed(outside, `${web.url}${id}/n.csv`, t)
      return { id, version, source: [fileOf(file!)] } as Publication
    },
    bodyOf: async () => body,
    ownIds: (id) => [id],
    localPaths,
  })
  const read = async (id: string, engine?: 'livy' | 'embedded') => {
    const [bound] = await data.bind([{ table: 't', id, version }], engine && { engine })
    return { local: bound!.paths[0]!, spark: sparkDataset(bound!, locator(locationsOf(locations))).paths[0]! }
  }
  assert.is((await read('mapped', 'livy')).spark, 's3a://survey/dr1/n.csv')
  assert.equal(await readdir(dir).catch(() => []), [], 'nothing was copied')
  for (const copy of [await read('mapped'), await read('mapped', 'embedded'), await read('other', 'livy')]) {
    assert.ok(copy.local.startsWith(dir), copy.local)
    assert.is(copy.spark, `file:${copy.local}`)
  }
})

test.run()
