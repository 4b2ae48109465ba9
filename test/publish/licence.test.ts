import * as assert from 'uvu/assert'
import { checkedLicence } from '../../src/node/publish/licence.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('publish: licence')

test('an SPDX id, an SPDX expression or a web address is taken', () => {
  for (const licence of [
    'MIT',
    'CC-BY-SA-4.0',
    'CC0-1.0',
    'etalab-2.0',
    'GPL-2.0+',
    'MIT OR Apache-2.0',
    '(CC-BY-4.0 AND MIT) OR GPL-2.0-only WITH Classpath-exception-2.0',
    'LicenseRef-observatory-terms',
    'https://creativecommons.org/licenses/by/4.0/',
    'http://example.org/terms?v=2#use',
  ])
    assert.is(checkedLicence(licence), licence)
  assert.is(checkedLicence('  MIT '), 'MIT')
})

test('anything else is refused, with what may have been meant', async () => {
  for (const [licence, meant] of [
    ['mit', 'MIT'],
    ['The MIT License', undefined],
    ['MIT License', 'MIT'],
    ['cc-by 4.0', 'CC-BY-4.0'],
    ['CC BY-SA 4.0', 'CC-BY-SA-4.0'],
    ['CC0', 'CC0-1.0'],
    ['Apache 2', 'Apache-2.0'],
    ['Apache License, Version 2.0', 'Apache-2.0'],
    ['BSD', 'BSD-2-Clause'],
    ['GPLv3', undefined],
    ['', undefined],
    ['   ', undefined],
    ['free for science', undefined],
    ['MIT OR', undefined],
    ['MIT Apache-2.0', undefined],
    ['MIT WITH nothing', undefined],
    ['ftp://example.org/licence', undefined],
    ['https://', undefined],
    ['https://example.org/a b', undefined],
    ['javascript:alert(1)', undefined],
    ['('.repeat(400), undefined],
    ['x'.repeat(500), undefined],
  ] as const) {
    const error = await rejects(() => checkedLicence(licence), 'BAD_INPUT')
    assert.match(error.message, 'licence', licence)
    assert.match(error.hint, 'spdx.org/licenses', licence)
    if (meant === undefined) assert.not.match(error.hint, 'Did you mean', licence)
    else assert.match(error.hint, `Did you mean ${meant}?`, licence)
  }
})

test.run()
