/** A statement inside of another. */

/** What SQL is made of as far as it matters where comments and semicolons are; a block comment may hold others. */
const TOKEN =
  /\s+|;|--[^\r\n]*|\/\*|e'(?:\\[\s\S]|''|[^'\\])*'?|'[^']*'?|"[^"]*"?|\$([a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?\$\1\$|[a-z_\u0080-\uffff][\w$\u0080-\uffff]*|[\s\S]/giy

function endOfBlockComment(text: string, from: number): number {
  let depth = 0
  for (const mark of text.slice(from).matchAll(/\/\*|\*\//g)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return from + mark.index + 2
  }
  return text.length
}

/** Without the comments, semicolons and spaces at its end. */
export function withoutTail(statement: string): string {
  const token = new RegExp(TOKEN)
  let end = 0
  for (let found = token.exec(statement); found !== null; found = token.exec(statement)) {
    const [text] = found
    if (text === '/*') token.lastIndex = endOfBlockComment(statement, found.index)
    else if (text !== ';' && !text.startsWith('--') && text.trim() !== '') end = token.lastIndex
  }
  return statement.slice(0, end)
}

/** The rows of a statement in another order: by position (from 0), since names of columns may be there twice. */
export function sortedStatement(statement: string, column: number, descending: boolean): string {
  const order = `${column + 1}${descending ? ' DESC' : ''} NULLS LAST`
  return `SELECT * FROM (\n${withoutTail(statement).trimStart()}\n) ORDER BY ${order}`
}
