import type { z } from 'zod'

/**
 * One request/reply protocol between islands. `messages.ts` of a protocol folder exports one of these per exchange;
 * the protocol id is `/archipel/<archipelago id>/<name>/<version>`.
 */
export interface ProtocolSpec<Request, Item> {
  name: string
  version: number
  request: z.ZodType<Request>
  /** One item of the answer: the only one of a `single` answer, each of a `series`. */
  item: z.ZodType<Item>
  answer: 'single' | 'series'
  /** Bytes of one frame. */
  maxRequestBytes: number
  maxItemBytes: number
  /** Items of a series before it is refused. */
  maxItems: number
  /** Milliseconds until a single answer, or between two items of a series. */
  timeoutMs: number
  /** Requests of one peer in progress at a time, and started per minute. */
  quota: { concurrent: number; perMinute: number }
  /** Byte strings of an item are parts of its frame, not copies: for what is used up at once. False by default. */
  views?: boolean
  /** Served to peers that are not members. Only the join protocol says yes. */
  strangers: boolean
}

export function protocolId(archipelagoId: string, spec: { name: string; version: number }): string {
  return `/archipel/${archipelagoId}/${spec.name}/${spec.version}`
}
