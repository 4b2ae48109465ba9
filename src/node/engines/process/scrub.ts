import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { BoundDataset } from '../port.ts'

/** An absolute path: two or more parts after a place where no name, id or URL goes on. */
const PATH = /file:\/\/[^\s"')]*|(?<![\w.:)/~-])(?:\/[\w.@+%~-]+){2,}\/?/gi

/** Takes the site's paths out of a message of the SQL engine: a bound file becomes its dataset's name, any other `<path>`. */
export function scrubber(datasets: BoundDataset[], paths: string[][]): (error: ArchipelError) => ArchipelError {
  const known = datasets
    .flatMap((dataset, i) => [...paths[i]!, ...dataset.paths].map((path) => [path, dataset.names[0]!] as const))
    .sort(([a], [b]) => b.length - a.length)
  return (error) => {
    let message = error.message
    for (const [path, dataset] of known) message = message.replaceAll(path, dataset)
    message = message.replaceAll(PATH, '<path>')
    return message === error.message
      ? error
      : new ArchipelError(error.code, message, { hint: error.hint, ...(error.details && { details: error.details }) })
  }
}
