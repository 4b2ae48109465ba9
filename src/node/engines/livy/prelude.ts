import { readFileSync } from 'node:fs'
import type { LivyCodeKind } from '../../../protocols/livy/objects.ts'
import type { ParamValue } from '../../../protocols/model/task.ts'
import type { SparkDataset } from './locations.ts'

/** In which language a session is told of its data. A temporary view that one makes is seen by all. */
export type PreludeLanguage = 'scala' | 'python' | 'r'

const LANGUAGE: Record<LivyCodeKind, PreludeLanguage> = { spark: 'scala', sql: 'scala', pyspark: 'python', sparkr: 'r' }
const FILES = { scala: 'prelude.scala', python: 'prelude.py', r: 'prelude.R' }
export const PRELUDE_KIND: Record<PreludeLanguage, LivyCodeKind> = { scala: 'spark', python: 'pyspark', r: 'sparkr' }

export const preludeLanguage = (kind: LivyCodeKind): PreludeLanguage => LANGUAGE[kind]

export interface Binding {
  datasets: SparkDataset[]
  params: Record<string, ParamValue>
}

const texts = new Map<PreludeLanguage, string>()

function template(language: PreludeLanguage): string {
  const known = texts.get(language)
  if (known !== undefined) return known
  const text = readFileSync(new URL(`./preludes/${FILES[language]}`, import.meta.url), 'utf8')
  texts.set(language, text)
  return text
}

/** The code of a hidden statement that binds the data; its first line has the mark by which it is known again. */
export function preludeCode(language: PreludeLanguage, binding: Binding, mark: string): string {
  return `${firstLine(language, mark)}\n${filled(language, binding)}`
}

function filled(language: PreludeLanguage, { datasets, params }: Binding): string {
  const text = template(language)
  if (language === 'python')
    return text.replace('@BOUND@', () => Buffer.from(JSON.stringify({ datasets, params })).toString('base64'))
  const literal = language === 'scala' ? scalaLiteral : rLiteral
  return text
    .replace('@DATASETS@', () => literal(datasets as unknown as Json))
    .replace('@PARAMS@', () => literal(params))
}

const firstLine = (language: PreludeLanguage, mark: string) =>
  `${language === 'scala' ? '//' : '#'} archipel:${language}:${mark}`

/** Whether a statement that Livy lists is one of ours. */
export function isPrelude(code: string, mark: string): PreludeLanguage | undefined {
  const line = code.slice(0, code.indexOf('\n'))
  return (['scala', 'python', 'r'] as const).find((language) => line === firstLine(language, mark))
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What JSON would have, too. */
const present = (value: { [key: string]: Json }) => Object.entries(value).filter(([, each]) => each !== undefined)

const ESCAPES: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** As source text that holds nothing but ASCII. (Scala reads `\\u0022` as a quote that ends the text.) */
function scalaQuoted(text: string): string {
  let out = '"'
  for (const unit of text.split('')) {
    const code = unit.charCodeAt(0)
    const plain = code >= 32 && code < 127
    out += ESCAPES[unit] ?? (plain ? unit : `\\u${code.toString(16).padStart(4, '0')}`)
  }
  return `${out}"`
}

function scalaLiteral(value: Json): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return Number.isFinite(value) ? `${value}d` : 'Double.NaN'
    return Math.abs(value) < 2 ** 31 ? String(value) : `${value}L`
  }
  if (typeof value === 'string') return scalaQuoted(value)
  if (Array.isArray(value)) return `Seq(${value.map(scalaLiteral).join(', ')})`
  const pairs = present(value).map(([key, each]) => `${scalaQuoted(key)} -> ${scalaLiteral(each)}`)
  return `Map(${pairs.join(', ')})`
}

/** In R a character beyond the first plane is written as one: `\U0001f30c`. */
function rQuoted(text: string): string {
  let out = '"'
  for (const character of text) {
    const code = character.codePointAt(0)!
    const plain = code >= 32 && code < 127 && character !== '"' && character !== '\\'
    out += plain
      ? character
      : code > 0xffff
        ? `\\U${code.toString(16).padStart(8, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`
  }
  return `${out}"`
}

function rLiteral(value: Json): string {
  if (value === null) return 'NULL'
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return rQuoted(value)
  if (Array.isArray(value)) {
    const allText = value.every((each) => typeof each === 'string')
    return `${allText && value.length > 0 ? 'c' : 'list'}(${value.map(rLiteral).join(', ')})`
  }
  return `list(${present(value)
    .map(([key, each]) => `${rQuoted(key)} = ${rLiteral(each)}`)
    .join(', ')})`
}
