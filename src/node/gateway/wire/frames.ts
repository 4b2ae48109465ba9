/** Livy's objects as the texts of `livy-watch`, with large outputs left out. */
import { INLINE_OUTPUT_BYTES, type LivyAnswer, type LivyPushFrame } from '../../../protocols/livy/messages.ts'
import type { LivyStatement } from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { SiteChange } from '../site.ts'

/** Bytes of statements in one answer; outputs beyond it are left out. */
const LIST_BYTES = 4 * 1024 * 1024

/** A statement as text, its output left out where that is longer than `room`. */
export function packStatement(
  statement: LivyStatement,
  room = INLINE_OUTPUT_BYTES,
): { json: string; outputBytes?: number } {
  const json = JSON.stringify(statement)
  if (statement.output === null || json.length <= room) return { json }
  return { json: JSON.stringify({ ...statement, output: null }), outputBytes: json.length - statement.code.length }
}

export function packStatements(statements: LivyStatement[]): LivyAnswer {
  let room = LIST_BYTES
  const outputs: { statement: number; bytes: number }[] = []
  const texts = statements.map((statement) => {
    const { json, outputBytes } = packStatement(statement, Math.min(room, INLINE_OUTPUT_BYTES))
    room = Math.max(0, room - json.length)
    if (outputBytes !== undefined) outputs.push({ statement: statement.id, bytes: outputBytes })
    return json
  })
  return { json: `[${texts.join(',')}]`, outputs }
}

export function packChange(key: string, change: SiteChange): LivyPushFrame {
  switch (change.type) {
    case 'lost':
      return { type: 'lost', key, why: change.why.slice(0, 2000) }
    case 'session':
      return { type: 'session', key, json: JSON.stringify(change.session) }
    case 'batch':
      return { type: 'batch', key, json: JSON.stringify(change.batch) }
    case 'statement':
      return { type: 'statement', key, ...packStatement(change.statement) }
  }
}

/** What an operation answers, Livy's refusals among it. @throws what else it throws */
export async function packAnswer(work: Promise<unknown>): Promise<LivyAnswer> {
  try {
    const value = await work
    return value === undefined ? {} : { json: JSON.stringify(value) }
  } catch (error) {
    if (!(error instanceof LivyRefusal)) throw error
    const { status, body } = error
    if (body === undefined) return { refusal: { status } }
    return { refusal: typeof body === 'string' ? { status, body } : { status, msg: body.msg } }
  }
}

/** The other way round. @throws `LivyRefusal` */
export function unpackRefusal({ refusal }: LivyAnswer): void {
  if (refusal === undefined) return
  const { status, body, msg } = refusal
  throw new LivyRefusal(status, msg === undefined ? body : { msg })
}

/** @throws PROTOCOL */
export function fromJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new ArchipelError('PROTOCOL', 'a text that is no JSON', { cause })
  }
}
