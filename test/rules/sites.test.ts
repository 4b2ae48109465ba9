/** The expression over islands: what is written is what is read, and means what it says. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import {
  meetsSites,
  parseSites,
  SITE_FIELDS,
  type SiteExpression,
  type SiteFacts,
  siteFacts,
  sitesText,
} from '../../src/protocols/rules/sites.ts'
import { suite } from '../kit/index.ts'

const test = suite('rules: the expression over islands')

const PLAIN = { noNullPrototype: true }
const word = fc.constantFrom('DE', 'fr', "it's", 'a b', '', 'Ünïcode', 'not', ')')
const field = fc.constantFrom(...SITE_FIELDS)
const { expression } = fc.letrec<{ expression: SiteExpression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    fc.record(
      { type: fc.constant('in' as const), field, values: fc.array(word, { minLength: 1, maxLength: 3 }) },
      PLAIN,
    ),
    fc.record({ type: fc.constant('not' as const), part: tie('expression') }, PLAIN),
    fc.record(
      {
        type: fc.constantFrom('and' as const, 'or' as const),
        parts: fc.array(tie('expression'), { minLength: 2, maxLength: 3 }),
      },
      PLAIN,
    ),
  ),
}))
const facts = fc.record(
  Object.fromEntries(SITE_FIELDS.map((name) => [name, fc.array(word, { maxLength: 2 })])) as Record<
    keyof SiteFacts,
    fc.Arbitrary<string[]>
  >,
)

const garching = siteFacts('isl1', {
  name: 'garching',
  site: 'MPE',
  place: { name: 'Garching', country: 'DE' },
  peerId: 'p',
  addresses: [],
  engines: [{ kind: 'livy', languages: [], version: '1' }],
  services: [],
  software: 's',
  labels: ['gpu', 'archive'],
})

test('every expression is read back as it was, whatever its texts', () => {
  fc.assert(fc.property(expression, (before) => assert.equal(parseSites(sitesText(before)), before)))
})

test('not, and, or are those of logic, for whatever facts', () => {
  fc.assert(
    fc.property(expression, expression, facts, (a, b, of) => {
      const both = [meetsSites(a, of), meetsSites(b, of)] as const
      const [ta, tb] = [sitesText(a), sitesText(b)]
      assert.is(meetsSites(parseSites(`not (${ta})`), of), !both[0])
      assert.is(meetsSites(parseSites(`(${ta}) and (${tb})`), of), both[0] && both[1])
      assert.is(meetsSites(parseSites(`(${ta}) or (${tb})`), of), both[0] || both[1])
    }),
  )
})

test('what is no expression is refused with its place, and nothing else is thrown', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      try {
        parseSites(text)
      } catch (error) {
        assert.instance(error, ArchipelError)
        assert.is((error as ArchipelError).code, 'BAD_INPUT')
      }
    }),
  )
})

for (const [text, meant] of [
  ["country = 'DE'", true],
  ["country = 'de' and not name = 'x'", true],
  ["country = 'DE' and not name = 'Garching'", false],
  ["NAME != 'garching' or label = 'gpu'", true],
  ["label in ('tape', 'archive')", true],
  ["label not in ('tape', 'archive')", false],
  ["engine = 'livy' and (site = 'MPE' or site = 'ESO')", true],
  ["name = 'x' or name = 'y' and country = 'DE'", false],
  ["(name = 'x' or not name = 'y') and country = 'DE'", true],
] as const)
  test(`${text} ${meant ? 'means' : 'does not mean'} garching`, () => {
    assert.is(meetsSites(parseSites(text), garching), meant)
  })

for (const [text, why] of [
  ['', 'a field, not or ( is missing'],
  ['country', 'after country comes'],
  ['country = DE', 'in single quotes'],
  ["country = 'DE", 'no closing quote'],
  ["land = 'DE'", 'land is no field'],
  ["country = 'DE' name = 'x'", 'and, or, or the end'],
  ["(country = 'DE'", ') is missing'],
  ["country in 'DE'", '( is missing'],
  ["country = 'DE' && name = 'x'", 'has no meaning'],
  [`${'not '.repeat(1000)}name = 'x'`, 'too deeply'],
] as const)
  test(`${text.slice(0, 40) || 'nothing'} is refused: ${why}`, () => {
    assert.throws(
      () => parseSites(text),
      (error: Error) => error.message.includes(why),
    )
  })

test.run()
