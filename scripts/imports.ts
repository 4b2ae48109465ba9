/**
 * Finds the imports of a TypeScript source without a compiler: a tokenizer that knows comments, strings, templates
 * and regular expressions, and a scan for the import and export-from forms. Types are seen too, which a bundler drops.
 */

export interface Import {
  specifier: string
  /** True where nothing is left of it at run time. `import { type A }` leaves an import of the module, so it is a value. */
  typeOnly: boolean
  line: number
}

interface Token {
  kind: 'word' | 'string' | 'mark'
  text: string
  line: number
}

/** Words after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = new Set('return typeof case in of void delete throw new else do await yield instanceof'.split(' '))
const WORD = /[\p{ID_Start}$_#@\d][\p{ID_Continue}$]*/uy
/** Methods of the promise that a dynamic import gives; any other member makes `import('x').Name` a type. */
const PROMISE_METHODS = new Set(['then', 'catch', 'finally'])

export function findImports(source: string): Import[] {
  const tokens = tokenize(source)
  const found: Import[] = []
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token.kind !== 'word' || tokens[i - 1]?.text === '.') continue
    if (token.text === 'import') {
      const next = tokens[i + 1]
      if (next?.kind === 'string') found.push({ specifier: next.text, typeOnly: false, line: token.line })
      else if (next?.text === '(') {
        const target = tokens[i + 2]
        if (target?.kind === 'string') {
          found.push({ specifier: target.text, typeOnly: isTypeQuery(tokens, i), line: token.line })
        }
      } else {
        const specifier = fromClause(tokens, i + 1)
        if (specifier !== undefined)
          found.push({ specifier, typeOnly: hasTypeKeyword(tokens, i + 1), line: token.line })
      }
    } else if (token.text === 'export') {
      const typeOnly = tokens[i + 1]?.text === 'type'
      const start = tokens[typeOnly ? i + 2 : i + 1]
      if (start?.kind !== 'mark' || (start.text !== '{' && start.text !== '*')) continue
      const specifier = fromClause(tokens, i + 1)
      if (specifier !== undefined) found.push({ specifier, typeOnly, line: token.line })
    }
  }
  return found
}

/** The string after `from`, or undefined when something else than an import list comes first. */
function fromClause(tokens: Token[], start: number): string | undefined {
  for (let i = start; i < tokens.length; i++) {
    const { kind, text } = tokens[i]!
    const next = tokens[i + 1]
    if (kind === 'word' && text === 'from' && next?.kind === 'string') return next.text
    if (kind === 'mark' && !'{},*'.includes(text)) return undefined
    if (kind === 'word' && (text === 'import' || text === 'export')) return undefined
  }
  return undefined
}

/** `import type X from`, but not `import type from 'x'`, which imports a value of that name. */
function hasTypeKeyword(tokens: Token[], at: number): boolean {
  if (tokens[at]?.text !== 'type' || tokens[at]?.kind !== 'word') return false
  const next = tokens[at + 1]
  if (next?.text === ',') return false
  return next?.text !== 'from' || tokens[at + 2]?.text === 'from'
}

function isTypeQuery(tokens: Token[], at: number): boolean {
  if (tokens[at - 1]?.text === 'typeof') return true
  return (
    tokens[at + 3]?.text === ')' && tokens[at + 4]?.text === '.' && !PROMISE_METHODS.has(tokens[at + 5]?.text ?? '')
  )
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  /** For each open `${`, the depth of braces inside it. */
  const templates: number[] = []
  let at = 0
  let line = 1
  const count = (end: number) => {
    for (; at < end; at++) if (source[at] === '\n') line++
  }

  while (at < source.length) {
    const char = source[at]!
    if (/\s/.test(char)) {
      count(at + 1)
    } else if (source.startsWith('//', at) || source.startsWith('#!', at)) {
      const end = source.indexOf('\n', at)
      at = end < 0 ? source.length : end
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2)
      count(end < 0 ? source.length : end + 2)
    } else if (char === '"' || char === "'") {
      const end = endOfQuoted(source, at, char)
      tokens.push({ kind: 'string', text: source.slice(at + 1, end - 1), line })
      count(end)
    } else if (char === '`' || (char === '}' && templates.at(-1) === 0)) {
      if (char === '}') templates.pop()
      const end = endOfTemplate(source, at + 1)
      const opens = source.startsWith('${', end - 2)
      // Only a template without a substitution can name a module.
      const whole = char === '`' && !opens
      tokens.push({ kind: whole ? 'string' : 'mark', text: whole ? source.slice(at + 1, end - 1) : '`', line })
      if (opens) templates.push(0)
      count(end)
    } else if (char === '/' && startsRegex(tokens.at(-1))) {
      count(endOfRegex(source, at))
      tokens.push({ kind: 'string', text: '', line })
    } else {
      WORD.lastIndex = at
      const word = WORD.exec(source)?.[0]
      if (word === undefined && templates.length > 0) {
        const depth = templates.length - 1
        if (char === '{') templates[depth]!++
        if (char === '}') templates[depth]!--
      }
      tokens.push({ kind: word === undefined ? 'mark' : 'word', text: word ?? char, line })
      at += word?.length ?? 1
    }
  }
  return tokens
}

/** The index after the closing quote; a string ends at the latest with its line (JSX text may hold an apostrophe). */
function endOfQuoted(source: string, start: number, quote: string): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === quote || source[i] === '\n') return i + 1
  }
  return source.length
}

/** The index after the closing backtick or after the next `${`. */
function endOfTemplate(source: string, start: number): number {
  for (let i = start; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '`') return i + 1
    else if (source.startsWith('${', i)) return i + 2
  }
  return source.length
}

function endOfRegex(source: string, start: number): number {
  let inClass = false
  for (let i = start + 1; i < source.length; i++) {
    const char = source[i]
    if (char === '\\') i++
    else if (char === '\n') return i
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return i + 1
  }
  return source.length
}

function startsRegex(before: Token | undefined): boolean {
  if (before === undefined) return true
  if (before.kind === 'word') return BEFORE_REGEX.has(before.text)
  return before.kind === 'mark' && !')]`'.includes(before.text)
}
