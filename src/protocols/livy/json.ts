/**
 * Livy's answers hold numbers of Java and Scala: `1.0` is not `1` to a client that makes columns of it, and a `BigInt` has more
 * digits than a double. So a number whose text JavaScript would change is kept as its text (`JSON.rawJSON`), which
 * `JSON.stringify` writes as it was.
 */
interface RawJson {
  readonly rawJSON: string
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown
const json = JSON as unknown as {
  parse(text: string, reviver?: Reviver): unknown
  rawJSON(text: string): RawJson
  isRawJSON(value: unknown): value is RawJson
}

/** Only texts that may hold such a number are looked at value by value. */
const SUSPICIOUS = /\d\.\d*0(?!\d)|\d[eE][+-]?\d|\d{16}|\d\.\d{16}|-0/

const keepText: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? json.rawJSON(source) : value

/** @throws SyntaxError */
export function parseLivyJson(text: string): unknown {
  return SUSPICIOUS.test(text) ? json.parse(text, keepText) : JSON.parse(text)
}

/** A number of this text, which JavaScript might change: `JSON.stringify` writes it as it is. @throws SyntaxError for no number */
export function keepNumber(text: string): unknown {
  return json.rawJSON(text)
}

/** The text of a number that was kept; undefined for anything else. */
export function keptNumber(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined
}

/** As a number, whether it was kept as text or not; `absent` for anything else. */
export function livyNumber(value: unknown, absent = 0): number {
  const number = typeof value === 'number' ? value : Number(keptNumber(value) ?? Number.NaN)
  return Number.isNaN(number) ? absent : number
}
