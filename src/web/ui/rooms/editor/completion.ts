/** What the editor offers while one types: datasets of the catalog, and the columns of those that the text names. */
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { asWritten } from '../../../../protocols/model/sql-names.ts'
import type { DatasetView } from '../../../../protocols/model/views.ts'
import { catalog, learn } from '../../state/catalog.ts'
import { client } from '../../state/client.ts'
import { datasetOptions, MEMBERS } from './options.ts'

const MAX_FOUND = 20

function columnOptions(view: DatasetView, quote: (name: string) => string): Completion[] {
  return (view.body.columns ?? []).map(({ name, type, unit }) => ({
    label: name,
    apply: quote(name),
    type: 'property',
    detail: `${type.toLowerCase()}${unit === undefined ? '' : ` [${unit}]`} · ${view.body.name}`,
    boost: 1,
  }))
}

/** As a part of a regular expression that means itself. */
const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Datasets whose name or id is a word of the text. */
function named(text: string): DatasetView[] {
  return [...catalog.peek().values()].filter(({ body, id }) => text.includes(body.name) || text.includes(id))
}

/** Also such as are not known here yet. */
async function search(prefix: string): Promise<void> {
  if (prefix.length < 2) return
  const known = [...catalog.peek().values()].some(({ body }) => body.name.startsWith(prefix))
  if (known) return
  const page = await client()
    .datasets({ text: prefix, limit: MAX_FOUND })
    .catch(() => undefined)
  if (page !== undefined) learn(page.items)
}

/** In statements: names as words, quoted where SQL needs it. */
export async function completeSql(context: CompletionContext): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w$]*/)
  if (word === null || (word.from === word.to && !context.explicit)) return null
  const text = context.state.doc.toString()
  const qualified = /("[^"\n]+"|\w+)\.$/.exec(text.slice(Math.max(0, word.from - 200), word.from))?.[1]
  await search(word.text)
  const views = named(text)
  if (qualified !== undefined) {
    const table = qualified.replaceAll('"', '')
    const meant = views.filter(
      ({ body, id }) =>
        body.name === table ||
        id === table ||
        new RegExp(`\\b(${literal(body.name)}|${literal(id)})"?\\s+(as\\s+)?"?${literal(table)}\\b`, 'i').test(text),
    )
    return { from: word.from, options: meant.flatMap((view) => columnOptions(view, asWritten)), validFor: /^[\w$]*$/ }
  }
  const options = [
    ...datasetOptions([...catalog.peek().values()], asWritten),
    ...views.flatMap((view) => columnOptions(view, asWritten)),
  ]
  return { from: word.from, options, validFor: /^[\w$]*$/ }
}

/** In programs: what `archipel` has, under whatever name it was imported, and names inside of strings. */
export async function completeProgram(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString()
  const alias = /\bimport\s+archipel\s+as\s+(\w+)/.exec(text)?.[1] ?? 'archipel'
  const member = context.matchBefore(new RegExp(`(?<![\\w.$])(archipel|${alias})[.$]\\w*`))
  if (member !== null) {
    const from = member.from + member.text.search(/[.$]/) + 1
    return { from, options: MEMBERS, validFor: /^\w*$/ }
  }
  const before = context.matchBefore(/["'][\w$-]*/)
  if (before === null) return null
  const prefix = before.text.slice(1)
  await search(prefix)
  const bare = (name: string) => name
  return {
    from: before.from + 1,
    options: [
      ...datasetOptions([...catalog.peek().values()], bare),
      ...named(text).flatMap((view) => columnOptions(view, bare)),
    ],
    validFor: /^[\w$-]*$/,
  }
}
