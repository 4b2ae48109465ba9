/** What is offered, of what is known. */
import type { Completion } from '@codemirror/autocomplete'
import type { DatasetView } from '../../../../protocols/model/views.ts'
import { size } from '../../text/words.ts'

/** Other data of the same short name (of either case) are known, so that a question has to say the id. */
export function isAmbiguous({ id, body }: DatasetView, known: Iterable<DatasetView>): boolean {
  const name = body.name.toLowerCase()
  return [...known].some((other) => other.id !== id && other.body.name.toLowerCase() === name)
}

/** Each dataset once with its publisher; by its name, or by its id where the name could be another's. */
export function datasetOptions(known: DatasetView[], quote: (name: string) => string): Completion[] {
  const ids = new Map<string, Set<string>>()
  for (const { id, body } of known) {
    const name = body.name.toLowerCase()
    ids.set(name, (ids.get(name) ?? new Set()).add(id))
  }
  return known.map(({ body, publisher, id }) => ({
    label: body.name,
    apply: quote(ids.get(body.name.toLowerCase())!.size > 1 ? id : body.name),
    type: 'class',
    detail: `${publisher.name}, ${body.rows === undefined ? size(body.size) : `${body.rows} rows`}`,
    info: `${body.title} · ${id}`,
    boost: 2,
  }))
}

const member = (label: string, type: string, detail: string): Completion => ({ label, type, detail })

/** What a program finds in `archipel`, in Python and in R. */
export const MEMBERS: Completion[] = [
  member('table', 'function', '(name): a dataset as a data frame'),
  member('path', 'function', '(name): the file of a dataset, or its files'),
  member('paths', 'function', '(name): the files of a dataset'),
  member('params', 'property', ': the parameters'),
  member('datasets', 'property', ': ids of the data of this task'),
  member('result', 'function', '(value): adds a value to the result'),
  member('output', 'function', '(name): a path; what is written there becomes a file of the result'),
  member('progress', 'function', '(fraction): how far the program is, 0 to 1'),
]
