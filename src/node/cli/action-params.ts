/** Parameters of actions as they are written: `limit:integer=5` where one is made, `limit=3` where it gets a value. */
import { type ActionParam, actionParamType } from '../../protocols/model/action.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { ParamValue } from '../../protocols/model/task.ts'

const bad = (message: string, hint: string) => new ArchipelError('BAD_INPUT', message, { hint })

/** The value that a text means for a parameter of this type. @throws BAD_INPUT */
export function readValue(
  name: string,
  text: string,
  { type, default: usual }: Pick<ActionParam, 'type' | 'default'>,
): ParamValue {
  if (text === 'null' && usual === null) return null
  if (type === 'text') return text
  const wrong = () =>
    bad(
      `--param: ${name} is of type ${type}, not ${JSON.stringify(text.slice(0, 60))}`,
      `Write it like ${name}=${EXAMPLE[type]}.`,
    )
  if (type === 'boolean') {
    if (text !== 'true' && text !== 'false') throw wrong()
    return text === 'true'
  }
  // Too long for a number of JSON: as text it stays exact.
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : text
  if (type === 'integer' || text.trim() === '' || !Number.isFinite(Number(text))) throw wrong()
  return Number(text)
}

const EXAMPLE = { text: 'Vega', number: '0.5', integer: '5', boolean: 'true' } as const

/** `limit:integer=5`, `band:text` @throws BAD_INPUT */
function paramOf(text: string): [string, ActionParam] {
  const [, name, word, usual] = /^([A-Za-z_][A-Za-z0-9_]{0,63}):([a-z]+)(?:=(.*))?$/s.exec(text) ?? []
  const type = actionParamType.safeParse(word)
  if (name === undefined || !type.success)
    throw bad(
      `--param: ${JSON.stringify(text.slice(0, 100))} is not name:type or name:type=default`,
      `Write it like limit:integer=5; a type is ${actionParamType.options.join(', ')}.`,
    )
  if (usual === undefined) return [name, { type: type.data }]
  return [name, { type: type.data, default: usual === 'null' ? null : readValue(name, usual, { type: type.data }) }]
}

/** @throws BAD_INPUT */
export function paramsOf(texts: readonly string[], described: readonly string[]): Record<string, ActionParam> {
  const params = texts.map(paramOf)
  const twice = params.map(([name]) => name).find((name, i, all) => all.indexOf(name) !== i)
  if (twice !== undefined) throw bad(`--param: ${twice} is given twice`, 'Give each parameter once.')
  const made = Object.fromEntries(params)
  for (const text of described) {
    const [, name = '', words] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (words === undefined || !Object.hasOwn(made, name))
      throw bad(
        `--describe: ${JSON.stringify(text.slice(0, 100))} is not <parameter>=<words>`,
        'Name a parameter that --param makes.',
      )
    made[name] = { ...made[name]!, description: words }
  }
  return made
}

/** Values for a run, each read as its parameter's type says. @throws BAD_INPUT */
export function valuesFor(params: Record<string, ActionParam>, texts: readonly string[]): Record<string, ParamValue> {
  const values: Record<string, ParamValue> = {}
  for (const text of texts) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined)
      throw bad(`--param: ${JSON.stringify(text.slice(0, 100))} is not name=value`, 'Write it like --param limit=5.')
    if (Object.hasOwn(values, name)) throw bad(`--param: ${name} is given twice`, 'Give each parameter once.')
    // What it does not have is told by the island, with the names of those it has.
    values[name] = Object.hasOwn(params, name) ? readValue(name, value, params[name]!) : value
  }
  return values
}

/** `limit:integer=5` */
export function paramText(name: string, { type, default: usual }: ActionParam): string {
  return `${name}:${type}${usual === undefined ? '' : `=${usual === null ? 'null' : String(usual)}`}`
}
