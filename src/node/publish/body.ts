import { encode, rfc8949EncodeOptions } from 'cborg'
import { type DatasetBody, datasetBody, type Provenance } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { issueText } from '../../protocols/model/issues.ts'

/** Bytes of an encoded body, so that a record stays small on every wire. */
export const MAX_BODY_BYTES = 32 * 1024

/**
 * The body, checked against the schema and made to fit: as long as it is too large it loses, in this order, the code in its
 * provenance, the headers of all but the first unit, all headers, long column descriptions (to 80 characters), all column
 * descriptions, units and UCDs of columns that are not position or time. Names and types stay, since readers need them.
 *
 * @throws BAD_INPUT naming the field that breaks the schema; TOO_LARGE when names and types alone are too much
 */
export function fittedBody(body: DatasetBody): DatasetBody {
  const steps: ((b: DatasetBody) => DatasetBody)[] = [
    (b) => b,
    (b) => (b.provenance === undefined ? b : { ...b, provenance: withoutCode(b.provenance) }),
    (b) => (b.headers === undefined ? b : { ...b, headers: b.headers.slice(0, 1) }),
    ({ headers: _, ...b }) => b,
    (b) => eachColumn(b, (c) => (c.description === undefined ? c : { ...c, description: c.description.slice(0, 80) })),
    (b) => eachColumn(b, ({ description: _, ...c }) => c),
    (b) =>
      eachColumn(b, (c) =>
        [b.position?.ra, b.position?.dec, b.timeColumn].includes(c.name) ? c : { name: c.name, type: c.type },
      ),
  ]
  let fitted = body
  for (const step of steps) {
    fitted = step(fitted)
    if (encode(fitted, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true }).length <= MAX_BODY_BYTES)
      return checked(fitted)
  }
  throw new ArchipelError(
    'TOO_LARGE',
    `the description of this dataset has more than ${MAX_BODY_BYTES} bytes (${body.columns?.length ?? 0} columns)`,
    {
      hint: 'Shorten the description, or publish with --as files, which leaves the columns out.',
    },
  )
}

/** Its hash stays. */
function withoutCode({ code: _, ...rest }: Provenance): Provenance {
  return rest
}

function eachColumn(
  body: DatasetBody,
  change: (column: NonNullable<DatasetBody['columns']>[number]) => NonNullable<DatasetBody['columns']>[number],
): DatasetBody {
  return body.columns === undefined ? body : { ...body, columns: body.columns.map(change) }
}

function checked(body: DatasetBody): DatasetBody {
  const result = datasetBody.safeParse(body)
  if (result.success) return result.data
  throw new ArchipelError('BAD_INPUT', issueText(result.error.issues[0]!, body, 'the dataset'))
}
