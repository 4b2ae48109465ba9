/** The daemon's log on stderr: JSON lines, or lines for people on a terminal. */
import { styleText } from 'node:util'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from '../config/schema.ts'
import { clean } from './clean.ts'

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
const LEVELS: Record<number, Level> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }
const STYLES = { trace: 'dim', debug: 'dim', info: 'green', warn: 'yellow', error: 'red', fatal: 'red' } as const
const HIDDEN = ['level', 'time', 'pid', 'hostname', 'name', 'component', 'msg']

/** One line of pino for a person: `12:34:56 info  network: connected peer=12D3...` */
export function prettyLine(json: string, color: boolean): string {
  const entry = JSON.parse(json) as Record<string, unknown> & { level: number; time: number }
  const level = LEVELS[entry.level] ?? 'info'
  const word = color ? styleText(STYLES[level], level.padEnd(5), { validateStream: false }) : level.padEnd(5)
  const time = new Date(entry.time).toTimeString().slice(0, 8)
  const who = entry.component === undefined ? '' : `${clean(String(entry.component))}: `
  const rest = Object.entries(entry)
    .filter(([key]) => !HIDDEN.includes(key))
    .map(([key, value]) => ` ${clean(key)}=${clean(value instanceof Object ? shortObject(value) : String(value))}`)
  return `${time} ${word} ${who}${clean(String(entry.msg ?? ''))}${rest.join('')}\n`
}

function shortObject(value: object): string {
  const { type, message } = value as { type?: unknown; message?: unknown }
  return message === undefined ? JSON.stringify(value) : `${type}: ${message}`
}

export function createLogger(config: Config['log']): Logger {
  const isTerminal = Boolean(process.stderr.isTTY)
  const pretty = config.pretty === 'always' || (config.pretty === 'auto' && isTerminal)
  const color = isTerminal && !process.env.NO_COLOR
  const stream: DestinationStream = {
    write: (text) => void process.stderr.write(pretty ? prettyLine(text, color) : text),
  }
  return pino({ level: config.level, base: undefined, serializers: { err: pino.stdSerializers.err } }, stream)
}
