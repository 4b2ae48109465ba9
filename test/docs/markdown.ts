/** The little of Markdown that the tests of the documentation need. */

export interface Block {
  /** Of the fence: `console`, `json`, ... */
  language: string
  lines: string[]
  /** Line of the opening fence, from 1. */
  line: number
  /** What `<!-- run: ... -->` on the line before says; undefined without one. */
  run: Directive | undefined
}

/** See README.md of this folder. */
export interface Directive {
  session: string
  stays: boolean
  stopped: boolean
  livy: boolean
  exit: number
}

export interface Command {
  text: string
  /** The lines that the page shows below it. */
  output: string[]
}

export function blocks(markdown: string): Block[] {
  const found: Block[] = []
  const lines = markdown.split('\n')
  let open: Block | undefined
  for (const [i, line] of lines.entries()) {
    const fence = /^\s*```(\w*)/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === undefined) {
      open = { language: fence[1]!, lines: [], line: i + 1, run: directive(lines[i - 1] ?? '') }
      found.push(open)
    } else open = undefined
  }
  return found
}

function directive(line: string): Directive | undefined {
  const match = /^<!-- run: (.+) -->$/.exec(line)
  if (match === null) return undefined
  const [session, ...words] = match[1]!.split(', ')
  const run: Directive = { session: session!, stays: false, stopped: false, livy: false, exit: 0 }
  for (const word of words) {
    if (word === 'stays' || word === 'stopped' || word === 'livy') run[word] = true
    else if (/^exit=\d+$/.test(word)) run.exit = Number(word.slice(5))
    else throw new Error(`${line}: "${word}" means nothing here`)
  }
  return run
}

/** The commands of a `console` block, each after `$ `, with what is shown below; every line of an `sh` block is one. */
export function commands(block: Block): Command[] {
  if (block.language === 'sh') return block.lines.filter((l) => l.trim() !== '').map((text) => ({ text, output: [] }))
  if (block.language !== 'console') return []
  const found: Command[] = []
  for (const line of block.lines) {
    if (line.startsWith('$ ')) found.push({ text: line.slice(2), output: [] })
    else if (found.length === 0) throw new Error(`line ${block.line}: a console block begins with "$ "`)
    else found.at(-1)!.output.push(line)
  }
  return found
}

/** Without what is inside fences and `code`. */
function prose(markdown: string): string {
  return markdown.replace(/^\s*```[\s\S]*?^\s*```/gm, '').replace(/`[^`\n]*`/g, 'code')
}

export function links(markdown: string): string[] {
  return [...prose(markdown).matchAll(/\]\(([^()\s]+)\)/g)].map((m) => m[1]!)
}

/** The anchors of its headings, as GitHub makes them. */
export function anchors(markdown: string): Set<string> {
  const headings = [...markdown.replace(/^\s*```[\s\S]*?^\s*```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)]
  return new Set(
    headings.map((m) =>
      m[1]!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** The rows of all tables, as cells; header and rule included. */
export function rows(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

/** The part below a heading, up to the next one of any level. */
export function section(markdown: string, heading: string): string {
  const at = markdown.indexOf(`\n${heading}\n`)
  if (at < 0) throw new Error(`there is no heading "${heading}"`)
  const rest = markdown.slice(at + heading.length + 2)
  const end = rest.search(/^#/m)
  return end < 0 ? rest : rest.slice(0, end)
}
