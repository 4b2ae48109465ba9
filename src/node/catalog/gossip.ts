import { parseUntrusted } from '../../protocols/model/parse.ts'
import { decodeStrict } from '../../protocols/record/cbor.ts'
import { decodeRecord } from '../../protocols/record/envelope.ts'
import { decodeHead } from '../../protocols/record/head.ts'
import { comparePositions, type Position } from '../../protocols/record/position.ts'
import { type GossipMessage, gossipMessage, MAX_GOSSIP_BYTES } from '../../protocols/sync/messages.ts'
import type { Answers } from './answers.ts'
import { type Applier, orderProblem } from './apply.ts'
import type { Checks } from './checks.ts'
import type { LogTable } from './table.ts'

export interface GossipComponents {
  table: LogTable
  checks: Checks
  applier: Applier
  answers: Answers
}

/** Takes what came by gossip. Records are used when they continue exactly what is pinned; otherwise the head is a hint. */
export async function takeGossip(
  { table, checks, applier, answers }: GossipComponents,
  from: string,
  bytes: Uint8Array,
) {
  const message = read(bytes)
  if (message === undefined) return
  if (message.records !== undefined && message.heads.length === 1) {
    if (await continues(message, { table, checks, applier, answers })) return
  }
  for (const head of message.heads) answers.hear(from, head)
}

function read(bytes: Uint8Array): GossipMessage | undefined {
  try {
    const parsed = parseUntrusted(gossipMessage, decodeStrict(bytes, { maxBytes: MAX_GOSSIP_BYTES }))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

async function continues(message: GossipMessage, { table, checks, applier }: GossipComponents): Promise<boolean> {
  try {
    const head = decodeHead(message.heads[0]!)
    const from: Position | null = message.from ?? null
    if (comparePositions(table.get(head.origin)?.head, from) !== 0 || comparePositions(head, from) <= 0) return false
    if (checks.head(head) !== undefined) return false
    const records = message.records!.map((r) => decodeRecord(r))
    let last = from
    for (const record of records) {
      if (orderProblem(record, last, head) !== undefined) return false
      last = record
    }
    const key = checks.keyOf(head.origin)
    if (key === undefined || (await checks.records(records, key)).includes(false)) return false
    return (await applier.range(from, head, records)) === 'applied'
  } catch {
    return false
  }
}
