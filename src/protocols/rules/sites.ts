/**
 * The language in which a rule says which islands it means:
 *
 *   expression = and { "or" and }        and = not { "and" not }        not = "not" not | "(" expression ")" | test
 *   test = field ( "=" | "!=" ) text | field [ "not" ] "in" "(" text { "," text } ")"
 *
 * Words are read without regard to case; text stands in single quotes, a quote within it is doubled. Values are compared without
 * regard to case. A field that has several values, or none (`label`, `engine`), is equal where one of them is.
 */

import { ArchipelError } from '../model/errors.ts'
import type { Card } from '../model/island.ts'

/** What is asked about an island: of its card, and its id. */
export const SITE_FIELDS = ['name', 'id', 'site', 'place', 'country', 'label', 'engine'] as const
export type SiteField = (typeof SITE_FIELDS)[number]

export type SiteFacts = Record<SiteField, readonly string[]>

export type SiteExpression =
  | { type: 'and' | 'or'; parts: SiteExpression[] }
  | { type: 'not'; part: SiteExpression }
  | { type: 'in'; field: SiteField; values: string[] }

/** Deeper than anybody writes, and shallow enough for every stack. */
const MAX_DEPTH = 50
const TOKEN = /\s*(?:('(?:[^']|'')*')|([A-Za-z][A-Za-z_]*)|(!=|<>|[=(),])|(\S))/y

interface Token {
  kind: 'text' | 'word' | 'sign' | 'end'
  /** Words in small letters, text without its quotes. */
  text: string
  at: number
}

function bad(source: string, at: number, why: string): ArchipelError {
  const near = source.slice(at, at + 20).trim()
  const where = near === '' ? 'at its end' : `at ${JSON.stringify(near)}`
  return new ArchipelError('BAD_INPUT', `the expression over islands, ${where}: ${why}`, {
    hint: `Write it like: country = 'DE' and not name = 'garching'. Fields are ${SITE_FIELDS.join(', ')}.`,
    details: { at },
  })
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let end = 0
  for (const match of source.matchAll(new RegExp(TOKEN, 'gy'))) {
    const [all, text, word, sign, other] = match
    end = match.index + all.length
    const at = end - (text ?? word ?? sign ?? other ?? '').length
    if (other !== undefined)
      throw bad(source, at, other === "'" ? 'the text has no closing quote' : `${JSON.stringify(other)} has no meaning`)
    if (text !== undefined) tokens.push({ kind: 'text', text: text.slice(1, -1).replaceAll("''", "'"), at })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toLowerCase(), at })
    else tokens.push({ kind: 'sign', text: sign === '<>' ? '!=' : sign!, at })
  }
  tokens.push({ kind: 'end', text: '', at: source.length })
  return tokens
}

/** @throws BAD_INPUT with the place */
export function parseSites(source: string): SiteExpression {
  const tokens = tokensOf(source)
  let next = 0
  const peek = () => tokens[next]!
  const is = (text: string, kind: Token['kind'] = 'word') => peek().kind === kind && peek().text === text
  const take = (text: string, kind: Token['kind'] = 'word') => {
    const found = is(text, kind)
    if (found) next++
    return found
  }
  const need = (text: string) => {
    if (!take(text, 'sign')) throw bad(source, peek().at, `here ${text} is missing`)
  }

  function many(type: 'and' | 'or', part: (depth: number) => SiteExpression, depth: number): SiteExpression {
    const parts = [part(depth)]
    while (take(type)) parts.push(part(depth))
    return parts.length === 1 ? parts[0]! : { type, parts }
  }
  const expression = (depth: number): SiteExpression => many('or', (deep) => many('and', not, deep), depth)

  function not(depth: number): SiteExpression {
    if (depth > MAX_DEPTH) throw bad(source, peek().at, 'it is nested too deeply')
    if (take('not')) return { type: 'not', part: not(depth + 1) }
    if (!take('(', 'sign')) return test()
    const inner = expression(depth + 1)
    need(')')
    return inner
  }

  function text(): string {
    const { kind, text: value, at } = peek()
    if (kind !== 'text') throw bad(source, at, "here a text in single quotes is missing, like 'DE'")
    next++
    return value
  }

  function test(): SiteExpression {
    const { kind, text: field, at } = peek()
    if (kind !== 'word') throw bad(source, at, 'here a field, not or ( is missing')
    if (!isField(field)) throw bad(source, at, `${field} is no field`)
    next++
    if (take('=', 'sign')) return { type: 'in', field, values: [text()] }
    if (take('!=', 'sign')) return { type: 'not', part: { type: 'in', field, values: [text()] } }
    const negated = take('not')
    if (!take('in')) throw bad(source, peek().at, `after ${field} comes =, != or in`)
    need('(')
    const values = [text()]
    while (take(',', 'sign')) values.push(text())
    need(')')
    const found: SiteExpression = { type: 'in', field, values }
    return negated ? { type: 'not', part: found } : found
  }

  const found = expression(0)
  if (peek().kind !== 'end') throw bad(source, peek().at, 'here and, or, or the end is missing')
  return found
}

const isField = (word: string): word is SiteField => (SITE_FIELDS as readonly string[]).includes(word)

/** As it is parsed again. */
export function sitesText(expression: SiteExpression): string {
  switch (expression.type) {
    case 'not':
      return `not ${inner(expression.part)}`
    case 'in': {
      const values = expression.values.map((value) => `'${value.replaceAll("'", "''")}'`)
      return values.length === 1
        ? `${expression.field} = ${values[0]}`
        : `${expression.field} in (${values.join(', ')})`
    }
    default:
      return expression.parts.map(inner).join(` ${expression.type} `)
  }
}

const inner = (part: SiteExpression) =>
  part.type === 'and' || part.type === 'or' ? `(${sitesText(part)})` : sitesText(part)

export function meetsSites(expression: SiteExpression, facts: SiteFacts): boolean {
  switch (expression.type) {
    case 'and':
      return expression.parts.every((part) => meetsSites(part, facts))
    case 'or':
      return expression.parts.some((part) => meetsSites(part, facts))
    case 'not':
      return !meetsSites(expression.part, facts)
    case 'in': {
      const has = facts[expression.field].map(folded)
      return expression.values.some((value) => has.includes(folded(value)))
    }
  }
}

const folded = (text: string) => text.normalize('NFC').toLowerCase()

export function siteFacts(id: string, card: Card | undefined): SiteFacts {
  const one = (text: string | undefined) => (text === undefined || text === '' ? [] : [text])
  return {
    id: [id],
    name: one(card?.name),
    site: one(card?.site),
    place: one(card?.place?.name),
    country: one(card?.place?.country),
    label: card?.labels ?? [],
    engine: (card?.engines ?? []).map(({ kind }) => kind),
  }
}
