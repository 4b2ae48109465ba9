/**
 * Patterns of paths. They come from other islands, too: each is matched in a time that its length bounds, and no regular
 * expression is made of it.
 *
 * `*`, `?` and `[a-z]`, `[!a-z]` stay within one part of a path, `**` as a part is any number of them, `{a,b}` is one of both.
 * A name that begins with a dot is matched by a dot only.
 */

/** Of the braces of one pattern; one with more of them matches nothing. */
const MAX_ALTERNATIVES = 64
/** Patterns that are remembered. */
const KEPT = 500

type Token = string | { any: true } | { star: true } | { not: boolean; ranges: [from: string, to: string][] }
type Part = { deep: true } | { tokens: Token[] }

const known = new Map<string, Part[][]>()

/** Whether the whole path is one of the pattern. */
export function matchesGlob(path: string, pattern: string): boolean {
  const names = path.split('/')
  return compiled(pattern).some((parts) => matchesParts(names, parts))
}

function compiled(pattern: string): Part[][] {
  const before = known.get(pattern)
  if (before !== undefined) return before
  if (known.size >= KEPT) known.clear()
  const made = (alternatives(pattern) ?? []).map(partsOf)
  known.set(pattern, made)
  return made
}

/** @returns undefined where there are too many */
function alternatives(pattern: string): string[] | undefined {
  const done: string[] = []
  const open = [{ head: '', rest: pattern }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (done.length + open.length >= MAX_ALTERNATIVES) return undefined
    const braces = firstBraces(next.rest)
    if (braces === undefined) {
      done.push(next.head + next.rest)
      continue
    }
    const head = next.head + next.rest.slice(0, braces.from)
    for (const choice of braces.choices) open.push({ head, rest: choice + next.rest.slice(braces.to) })
  }
  return done
}

/** The first braces with a comma of their own. */
function firstBraces(text: string): { from: number; to: number; choices: string[] } | undefined {
  for (let from = text.indexOf('{'); from >= 0; from = text.indexOf('{', from + 1)) {
    const choices: string[] = []
    let depth = 0
    let start = from + 1
    for (let at = from; at < text.length; at++) {
      if (text[at] === '{') depth++
      if (text[at] === ',' && depth === 1) {
        choices.push(text.slice(start, at))
        start = at + 1
      }
      if (text[at] !== '}' || --depth > 0) continue
      if (choices.length > 0) return { from, to: at + 1, choices: [...choices, text.slice(start, at)] }
      break
    }
  }
  return undefined
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = []
  const texts = pattern.split('/')
  for (const [index, text] of texts.entries()) {
    if (text !== '**') parts.push({ tokens: tokensOf(text) })
    else if (texts[index - 1] !== '**') parts.push({ deep: true })
    // Below a folder is something in it.
    if (text === '**' && index === texts.length - 1) parts.push({ tokens: [{ star: true }] })
  }
  return parts
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  const chars = [...text]
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!
    const set = char === '[' ? setAt(chars, at) : undefined
    if (set !== undefined) {
      tokens.push(set.token)
      at = set.last
    } else tokens.push(char === '?' ? { any: true } : char === '*' ? { star: true } : char)
  }
  return tokens
}

/** `[a-z_]`; undefined where it does not end. */
function setAt(chars: readonly string[], from: number): { token: Token; last: number } | undefined {
  const not = chars[from + 1] === '!' || chars[from + 1] === '^'
  const first = from + (not ? 2 : 1)
  // As the first one it stands for itself.
  const last = chars.indexOf(']', first + 1)
  if (last < 0) return undefined
  const ranges: [string, string][] = []
  for (let at = first; at < last; at++) {
    const isRange = chars[at + 1] === '-' && at + 2 < last
    ranges.push([chars[at]!, chars[isRange ? at + 2 : at]!])
    if (isRange) at += 2
  }
  return { token: { not, ranges }, last }
}

/** What the last `**` takes grows until the rest fits: earlier ones need no other try. */
function matchesParts(names: readonly string[], parts: readonly Part[]): boolean {
  let [name, part] = [0, 0]
  let deep: { part: number; name: number } | undefined
  while (name < names.length) {
    const next = parts[part]
    if (next !== undefined && 'deep' in next) deep = { part: ++part, name }
    else if (next !== undefined && matchesName(names[name]!, next.tokens)) {
      name++
      part++
    } else {
      if (deep === undefined || names[deep.name]!.startsWith('.')) return false
      name = ++deep.name
      part = deep.part
    }
  }
  return part === parts.length
}

function matchesName(text: string, tokens: readonly Token[]): boolean {
  if (text.startsWith('.') && tokens[0] !== '.') return false
  const chars = [...text]
  let [at, token] = [0, 0]
  let star: { token: number; at: number } | undefined
  while (at < chars.length) {
    const next = tokens[token]
    if (typeof next === 'object' && 'star' in next) star = { token: ++token, at }
    else if (next !== undefined && isOne(chars[at]!, next)) {
      at++
      token++
    } else {
      if (star === undefined) return false
      at = ++star.at
      token = star.token
    }
  }
  return tokens.slice(token).every((rest) => typeof rest === 'object' && 'star' in rest)
}

function isOne(char: string, token: Token): boolean {
  if (typeof token === 'string') return char === token
  if ('any' in token) return true
  return 'ranges' in token && token.ranges.some(([from, to]) => from <= char && char <= to) !== token.not
}
