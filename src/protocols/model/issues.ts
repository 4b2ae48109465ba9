import type { z } from 'zod'

export interface WordedIssue {
  /** Path of the field, e.g. `creators.0.orcid`; empty for the whole value. */
  field: string
  /** What was expected and what came, to be read after the name of the field. */
  message: string
}

type Issue = z.core.$ZodIssue

const MAX_SHOWN = 60
/** Messages of zod's own; any other one was written in a schema of ours, and is for people. */
const ZODS_OWN = /^(Invalid|Too (small|big)|Unrecognized|Expected)\b/
/** What such fields hold is not repeated in a message, which may end in a log. */
const SECRET = /^(recoveryKey|idempotencyKey|ticket|token|secret|password)$/i

const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  date: 'a time',
}

/** What is wrong with a value, in plain words; `value` is what was checked. */
export function wordIssue(issue: Issue, value: unknown): WordedIssue {
  const path = issue.path.map(String)
  const came = valueAt(value, path)
  return { field: path.join('.').slice(0, 200), message: words(issue, came, path.at(-1) ?? '').slice(0, 300) }
}

/** One sentence: the field, what was expected, what came. */
export function issueText(issue: Issue, value: unknown, whole = 'it'): string {
  const { field, message } = wordIssue(issue, value)
  return `${field || whole} ${message}`
}

function words(issue: Issue, came: unknown, name: string): string {
  if (issue.code === 'invalid_type' && came === undefined) return `is missing: it has to be ${typeName(issue.expected)}`
  if (!ZODS_OWN.test(issue.message))
    return `is not accepted: ${issue.message}${issue.path.length === 0 || isSecret(issue) ? '' : but(came, name)}`
  switch (issue.code) {
    case 'invalid_type':
      return `has to be ${typeName(issue.expected)}${but(came, name)}`
    case 'too_small':
      return `has to ${bound(issue.origin, 'at least', issue.minimum, issue.inclusive)}${size(issue.origin, came, name)}`
    case 'too_big':
      return `has to ${bound(issue.origin, 'at most', issue.maximum, issue.inclusive)}${size(issue.origin, came, name)}`
    case 'invalid_value':
      return `has to be ${oneOf(issue.values)}${but(came, name)}`
    case 'not_multiple_of':
      return `has to be a multiple of ${issue.divisor}${but(came, name)}`
    case 'unrecognized_keys':
      return `has no ${issue.keys.length === 1 ? 'field' : 'fields'} ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
    case 'invalid_format':
      return `has to be ${FORMATS[issue.format] ?? `of the form ${'pattern' in issue ? issue.pattern : issue.format}`}${but(came, name)}`
    case 'invalid_union':
      return `${union(issue)}${but(came, name)}`
    case 'invalid_key':
      return `has a name that cannot be: ${name}`
    default:
      return `is not accepted${but(came, name)}`
  }
}

/** A schema of ours says that of a value that may hold a secret. */
const isSecret = (issue: Issue) => issue.code === 'custom' && issue.params?.secret === true

const FORMATS: Record<string, string> = {
  datetime: 'a time as in ISO 8601',
  date: 'a date as in ISO 8601',
  url: 'a URL',
  email: 'an e-mail address',
}

function typeName(expected: string): string {
  return TYPES[expected] ?? expected
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map(String)
  return texts.length === 1 ? texts[0]! : `one of ${texts.join(', ')}`
}

function union(issue: Issue & { code: 'invalid_union' }): string {
  const first = issue.errors.flatMap((branch) => branch.slice(0, 1))
  const types = first.flatMap((i) => (i.code === 'invalid_type' && i.path.length === 0 ? typeName(i.expected) : []))
  return types.length > 0 ? `has to be ${[...new Set(types)].join(' or ')}` : 'has none of the forms it may have'
}

const COUNTED: Record<string, [string, string]> = {
  string: ['character', 'characters'],
  array: ['item', 'items'],
  set: ['item', 'items'],
  map: ['entry', 'entries'],
  file: ['byte', 'bytes'],
}

function bound(origin: string, side: string, limit: number | bigint, inclusive = true): string {
  const counted = COUNTED[origin]
  if (counted !== undefined) return `have ${side} ${limit} ${counted[Number(limit) === 1 ? 0 : 1]}`
  if (inclusive) return `be ${side} ${limit}`
  return `be ${side === 'at least' ? 'more' : 'less'} than ${limit}`
}

function size(origin: string, came: unknown, name: string): string {
  const counted = COUNTED[origin]
  if (counted === undefined) return but(came, name)
  const { length } = (came ?? {}) as { length?: unknown }
  if (typeof length !== 'number') return ''
  return length === 0 ? '; it is empty' : `; it has ${length}`
}

function but(came: unknown, name: string): string {
  if (SECRET.test(name)) return ''
  if (came === undefined) return ''
  if (Array.isArray(came)) return '; it is a list'
  if (typeof came === 'object' && came !== null) return '; it is an object'
  const text = typeof came === 'bigint' ? String(came) : (JSON.stringify(came) ?? typeof came)
  return `; it is ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text}`
}

function valueAt(value: unknown, path: string[]): unknown {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}
