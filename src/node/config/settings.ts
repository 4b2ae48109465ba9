/** The schema as a flat list of settings, each with its path, type, default, flag and environment variable. */
import { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { about, configSchema } from './schema.ts'
import { parseBytes, parseDuration } from './units.ts'

export interface Setting {
  /** e.g. `network.relay.serve` */
  path: string
  schema: z.ZodType
  type: 'string' | 'number' | 'boolean' | 'enum' | 'list'
  /** Of an enum. */
  values?: string[]
  description: string
  default: unknown
  /** e.g. `ARCHIPEL_NETWORK_RELAY_SERVE` */
  env: string
  /** Without dashes. */
  flag?: string
  unit?: 'ms' | 'bytes'
  secret: boolean
}

/** `network.maxConnections` -> `ARCHIPEL_NETWORK_MAX_CONNECTIONS` */
export function envName(path: string): string {
  return `ARCHIPEL_${path
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`
}

/** Without the wrappers for defaults and absence. */
function bare(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? bare(schema.unwrap() as z.ZodType)
    : schema
}

function typeOf(schema: z.ZodType): Setting['type'] {
  if (schema instanceof z.ZodArray) return 'list'
  if (schema instanceof z.ZodEnum) return 'enum'
  if (schema instanceof z.ZodBoolean) return 'boolean'
  return schema instanceof z.ZodNumber ? 'number' : 'string'
}

function collect(schema: z.ZodObject, prefix: string): Setting[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, field]) => {
    const path = prefix + key
    const inner = bare(field)
    if (inner instanceof z.ZodObject) return collect(inner, `${path}.`)
    const setting: Setting = {
      path,
      schema: field,
      type: typeOf(inner),
      description: field.description ?? '',
      default: field instanceof z.ZodDefault ? field.def.defaultValue : undefined,
      env: envName(path),
      secret: about.get(field)?.secret ?? false,
    }
    const { flag, unit } = about.get(field) ?? {}
    if (flag !== undefined) setting.flag = flag
    if (unit !== undefined) setting.unit = unit
    if (inner instanceof z.ZodEnum) setting.values = inner.options.map(String)
    return [setting]
  })
}

export function settingsOf(schema: z.ZodObject): Setting[] {
  return collect(schema, '')
}

export const SETTINGS: readonly Setting[] = settingsOf(configSchema)

const TRUE = ['true', 'yes', 'on', '1']
const FALSE = ['false', 'no', 'off', '0']

/** The value of a setting that was written as text. Lists are comma-separated; `none` is the empty one. @throws BAD_INPUT */
export function fromText(setting: Setting, text: string): unknown {
  const bad = (what: string) => new ArchipelError('BAD_INPUT', `${JSON.stringify(text.slice(0, 100))} is not ${what}`)
  switch (setting.type) {
    case 'list':
      if (text.trim() === 'none') return []
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    case 'boolean':
      if (TRUE.includes(text.toLowerCase())) return true
      if (FALSE.includes(text.toLowerCase())) return false
      throw bad('true or false')
    case 'number': {
      if (setting.unit === 'ms') return parseDuration(text)
      if (setting.unit === 'bytes') return parseBytes(text)
      if (!/^\s*[+-]?\d+(\.\d+)?\s*$/.test(text)) throw bad('a number')
      return Number(text)
    }
    default:
      return text
  }
}
