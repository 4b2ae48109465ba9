/** What the editor offers while one types: datasets of the catalog, and the columns of those that the text names. */
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import type { DatasetView } from '../../../../protocols/model/views.ts'
import { catalog, learn } from '../../state/catalog.ts'
import { client } from '../../state/client.ts'
import { tableName } from '../../state/draft.ts'
import { size } from '../../text/words.ts'

const MAX_FOUND = 20

function datasetOption({ body, publisher, id }: DatasetView, quote: (name: string) => string): Completion {
  return {
    label: body.name,
    apply: quote(body.name),
    type: 'class',
    detail: `${publisher.name}, ${body.rows === undefined ? size(body.size) : `${body.rows} rows`}`,
    info: `${body.title} · ${id}`,
    boost: 2,
  }
}

function columnOptions(view: DatasetView, quote: (name: string) => string): Completion[] {
  return (view.body.columns ?? []).map(({ name, type, unit }) => ({
    label: name,
    apply: quote(name),
    type: 'property',
    detail: `${type.toLowerCase()}${unit === undefined ? '' : ` [${unit}]`} · ${view.body.name}`,
    boost: 1,
  }))
}

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
  const qualified = /([\w"]+)\.$/.exec(text.slice(Math.max(0, word.from - 200), word.from))?.[1]
  await search(word.text)
  const views = named(text)
  if (qualified !== undefined) {
    const table = qualified.replaceAll('"', '')
    const meant = views.filter(
      ({ body }) => body.name === table || new RegExp(`\\b${body.name}"?\\s+(as\\s+)?${table}\\b`, 'i').test(text),
    )
    return { from: word.from, options: meant.flatMap((view) => columnOptions(view, tableName)), validFor: /^[\w$]*$/ }
  }
  const options = [
    ...[...catalog.peek().values()].map((view) => datasetOption(view, tableName)),
    ...views.flatMap((view) => columnOptions(view, tableName)),
  ]
  return { from: word.from, options, validFor: /^[\w$]*$/ }
}

/** In programs: names inside of strings. */
export async function completeProgram(context: CompletionContext): Promise<CompletionResult | null> {
  const before = context.matchBefore(/["'][\w$-]*/)
  if (before === null) return null
  const prefix = before.text.slice(1)
  await search(prefix)
  const plain = (name: string) => name
  const text = context.state.doc.toString()
  return {
    from: before.from + 1,
    options: [
      ...[...catalog.peek().values()].map((view) => datasetOption(view, plain)),
      ...named(text).flatMap((view) => columnOptions(view, plain)),
    ],
    validFor: /^[\w$-]*$/,
  }
}
