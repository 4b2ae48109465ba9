/** The client of an island's web service, with the functions of `IslandPort`. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetView, IslandEvent, PublishProgress } from '../../protocols/model/views.ts'
import type { MetadataFormat } from '../contract/inputs.ts'
import { ROUTES } from '../contract/routes.ts'
import type { CallOptions, IslandPort } from '../ports.ts'
import { cutOff, progress } from './progress.ts'
import { serverSentEvents } from './streams.ts'
import { keyed, taskClient } from './tasks.ts'
import { type CallInput, fromTransport, parse, transport } from './transport.ts'

export interface ClientInit {
  /** e.g. `http://127.0.0.1:9411` */
  url: string
  /** That of the owner, or one that `archipel token create` made. */
  token?: string
}

export interface EventOptions extends CallOptions {
  /** Go on after this event; `onId` gives the ids. */
  lastEventId?: string
  onId?: (id: string) => void
}

/**
 * Every function throws `ArchipelError` with the code the island answered with; NOT_RUNNING when nothing listens,
 * UNREACHABLE when the connection breaks, PROTOCOL when it is not an island that answers.
 */
export interface IslandClient extends IslandPort {
  metadata(ref: string, format: MetadataFormat, options?: CallOptions): Promise<Record<string, unknown>>
  health(options?: CallOptions): Promise<{ status: 'ok' }>
  openapi(options?: CallOptions): Promise<Record<string, unknown>>
  /** Ends with NOT_RUNNING when the island stops. */
  events(options?: EventOptions): AsyncGenerator<IslandEvent | { lost: number }>
  /** Ends all calls and connections. */
  close(): Promise<void>
}

/** @throws BAD_INPUT when `url` is not that of an island */
export function createClient(init: ClientInit): IslandClient {
  const http = transport(init.url, init.token)
  const ask = (name: keyof typeof ROUTES, input: CallInput, options: CallOptions = {}) =>
    // The island is trusted to answer as its contract says; newer ones may say more.
    http.json(ROUTES[name], { ...input, signal: options.signal }) as Promise<never>

  const publish: IslandPort['publish'] = async (body, { signal, onProgress } = {}) => {
    for await (const line of progress<PublishProgress, DatasetView>(http, ROUTES.publish, { body, signal })) {
      if (line.progress !== undefined) onProgress?.(line.progress)
      else return line.result
    }
    throw cutOff()
  }

  async function* events({
    signal,
    lastEventId,
    onId,
  }: EventOptions = {}): AsyncGenerator<IslandEvent | { lost: number }> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const response = await http.open(ROUTES.events, { headers, signal })
    try {
      for await (const event of serverSentEvents(response.body)) {
        if (event.id !== undefined) onId?.(event.id)
        yield parse(event.data) as IslandEvent | { lost: number }
      }
    } catch (cause) {
      throw fromTransport(cause, signal)
    } finally {
      response.body.on('error', () => {}).destroy()
    }
    throw new ArchipelError('NOT_RUNNING', 'the island stopped')
  }

  return {
    status: (options) => ask('status', {}, options),
    islands: (query, options) => ask('islands', { query: { ...query } }, options),
    datasets: (filter, options) => ask('datasets', { query: { ...filter } }, options),
    dataset: (ref, options) => ask('dataset', { params: { ref } }, options),
    files: (ref, query, options) => ask('files', { params: { ref }, query }, options),
    preview: (ref, { rows }, options) => ask('preview', { params: { ref }, query: { rows } }, options),
    metadata: (ref, format, options) => ask('metadata', { params: { ref }, query: { format } }, options),
    publish,
    unpublish: (ref, options) => ask('unpublish', { params: { ref } }, options),
    resolve: ({ ref, ...query }, options) => ask('resolve', { params: { ref }, query }, options),
    sql: ({ idempotencyKey, ...body }, options) => ask('sql', { body, headers: keyed(idempotencyKey) }, options),
    tasks: taskClient(http, ask),
    tokens: {
      create: (body, options) => ask('tokenCreate', { body }, options),
      list: (query, options) => ask('tokenList', { query: { ...query } }, options),
      revoke: (ref, options) => ask('tokenRevoke', { params: { ref } }, options),
    },
    signInCode: (body, options) => ask('signInCode', { body }, options),
    invite: (body, options) => ask('invite', { body }, options),
    pardon: (body, options) => ask('pardon', { body }, options),
    revoke: (body, options) => ask('revoke', { body }, options),
    leave: (options) => ask('leave', { body: {} }, options),
    journal: (query, options) => ask('journal', { query: { ...query } }, options),
    health: (options) => ask('health', {}, options),
    openapi: (options) => ask('openapi', {}, options),
    events,
    close: http.close,
  }
}
