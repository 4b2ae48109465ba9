import type { ActionBody, ActionParam } from '../../protocols/model/action.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { ParamValue } from '../../protocols/model/task.ts'

const bad = (message: string, hint: string) => new ArchipelError('BAD_INPUT', message, { hint })

/** Integers beyond 2^53 come as text, in which they are exact. */
const FITS: Record<ActionParam['type'], (value: ParamValue) => boolean> = {
  text: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' || (typeof value === 'string' && /^-?\d+$/.test(value)),
  integer: (value) => Number.isInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value)),
  boolean: (value) => typeof value === 'boolean',
}

function fits({ type, default: usual }: ActionParam, value: ParamValue): boolean {
  return FITS[type](value) || (value === null && usual === null)
}

/** Defaults are of the types of their parameters. @throws BAD_INPUT */
export function checkDefaults(params: ActionBody['params']): void {
  for (const [name, param] of Object.entries(params))
    if (param.default !== undefined && param.default !== null && !FITS[param.type](param.default))
      throw bad(`the default of ${name} is no ${param.type}`, 'Give it another type, or a default of that type.')
}

/** The values of a run: those given, and the defaults of the others. @throws BAD_INPUT naming the parameter */
export function valuesOf(
  params: ActionBody['params'],
  given: Record<string, ParamValue> = {},
): Record<string, ParamValue> {
  const known = Object.keys(params)
  const takes = known.length === 0 ? 'It takes no parameters.' : `It takes ${known.join(', ')}.`
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(params, name))
  if (unknown !== undefined) throw bad(`the action has no parameter ${unknown}`, takes)
  const values: Record<string, ParamValue> = {}
  for (const [name, param] of Object.entries(params)) {
    const value = Object.hasOwn(given, name) ? given[name]! : param.default
    if (value === undefined) throw bad(`the action needs a value for ${name} (${param.type})`, takes)
    if (!fits(param, value)) throw bad(`${name} has to be of type ${param.type}`, takes)
    values[name] = value
  }
  return values
}

/** The arguments of a batch, with `{name}` replaced by the value of the parameter. @throws BAD_INPUT for a name that is none */
export function argsOf(args: readonly string[], values: Record<string, ParamValue>): string[] {
  return args.map((arg) =>
    arg.replace(/\{([A-Za-z_]\w*)\}/g, (_, name: string) => {
      if (!Object.hasOwn(values, name))
        throw bad(`an argument names {${name}}, which is no parameter`, 'Save the action with such a parameter.')
      return String(values[name])
    }),
  )
}
