/** OpenAPI 3.1 from the route table. JSON Schema 2020-12 comes from zod itself. */
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../../protocols/model/errors.ts'
import * as input from './inputs.ts'
import { PROBLEM_MEDIA_TYPE } from './problem.ts'
import { problem } from './problem-schema.ts'
import { parameterShape } from './query.ts'
import { COMMON_ERRORS, type Route } from './route.ts'
import { FILE_ADDRESS, routeList, TASK_ADDRESS } from './routes.ts'
import * as view from './views.ts'
import * as work from './work-inputs.ts'

type Json = Record<string, unknown>

const NAMED: Record<string, z.ZodType> = {
  Problem: problem,
  Finding: view.finding,
  IslandStatus: view.islandStatus,
  IslandView: view.islandView,
  IslandPage: view.islandPage,
  Holder: view.holder,
  DatasetView: view.datasetView,
  DatasetPage: view.datasetPage,
  FileView: view.fileView,
  FilePage: view.filePage,
  Preview: view.preview,
  PublishRequest: input.publishBody,
  UpdateRequest: input.updateBody,
  PublishProgress: view.publishProgress,
  Resolution: view.resolution,
  SqlRequest: input.sqlBody,
  Cell: view.cell,
  TableResult: view.tableResult,
  TaskResult: view.taskResult,
  ErrorInfo: view.errorInfo,
  SubmitRequest: work.submitBody,
  AttemptView: view.attemptView,
  TaskView: view.taskView,
  TaskSummary: view.taskSummary,
  TaskPage: view.taskPage,
  MainFile: view.keptMain,
  ActionRequest: work.actionBody,
  ActionRunRequest: work.actionRunBody,
  ActionView: view.actionView,
  ActionPage: view.actionPage,
  Placement: view.placement,
  LogPage: view.logPage,
  RowsPage: view.rowsPage,
  InviteRequest: input.inviteBody,
  Invitation: view.invitation,
  RevokeRequest: input.revokeBody,
  PardonRequest: input.pardonBody,
  JournalEntry: view.journalEntry,
  TokenRequest: input.tokenBody,
  TokenView: view.tokenView,
  NewToken: view.newToken,
  TokenPage: view.tokenPage,
  SignInCode: view.signInCode,
  BrowserSession: view.browserSession,
  JournalPage: view.journalPage,
  IslandEvent: view.islandEvent,
  LostEvents: view.lostEvents,
  ConfigView: view.configView,
  SessionRequest: work.sessionBody,
  SessionView: view.sessionView,
  SessionPage: view.sessionPage,
  StatementRequest: work.statementBody,
  StatementOutput: view.statementOutput,
  StatementView: view.statementView,
  StatementPage: view.statementPage,
}

const uri = (id: string) => `#/components/schemas/${id}`

/** The schemas that are not named become components of their route, so that every reference has a target. */
function components(): { schemas: Json; ref: (schema: z.ZodType) => Json } {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id })
  for (const route of routeList) {
    const base = route.name[0]!.toUpperCase() + route.name.slice(1)
    if (route.body !== undefined && !registry.has(route.body)) registry.add(route.body, { id: `${base}Request` })
    if (!registry.has(route.response)) registry.add(route.response, { id: `${base}Answer` })
  }
  const { schemas } = z.toJSONSchema(registry, { uri, io: 'input' })
  for (const schema of Object.values(schemas) as Json[]) {
    delete schema.$schema
    delete schema.$id
    delete schema.id
  }
  return { schemas: schemas as Json, ref: (schema) => ({ $ref: uri(registry.get(schema)!.id) }) }
}

/** Whether its answers have an ETag. */
function isTagged({ method, stream, parts, untagged }: Route): boolean {
  return method === 'GET' && !untagged && (stream === undefined || parts === true)
}

/** Described headers of an answer. */
function headers(described: Record<string, string>, required = true): Json {
  const entries = Object.entries(described)
  return Object.fromEntries(
    entries.map(([name, description]) => [name, { description, required, schema: { type: 'string' } }]),
  )
}

function parameters(route: Route): Json[] {
  const list: Json[] = []
  for (const [where, object] of [['path', route.params] as const, ['query', route.query] as const]) {
    for (const [name, field] of Object.entries((object?.shape ?? {}) as Record<string, z.ZodType>)) {
      const inner = field instanceof z.ZodOptional || field instanceof z.ZodDefault ? field.unwrap() : field
      const shape = parameterShape.get(field) ?? parameterShape.get(inner)
      const {
        $schema: _,
        description: own,
        ...schema
      } = z.toJSONSchema(shape?.schema ?? field, {
        io: 'input',
      }) as Json
      const description = shape?.text ?? field.description ?? own
      list.push({ name, in: where, required: where === 'path', ...(description ? { description } : {}), schema })
    }
  }
  const tag = isTagged(route) ? { 'if-none-match': 'ETags of answers that the asker has.' } : {}
  for (const [name, description] of Object.entries({ ...tag, ...route.headers })) {
    list.push({ name, in: 'header', required: false, description, schema: { type: 'string' } })
  }
  return list
}

function answer(route: Route, ref: (schema: z.ZodType) => Json): Json {
  if (route.stream === 'sse') {
    return {
      description: 'An endless stream; the data of each event are one JSON object.',
      content: { 'text/event-stream': { schema: ref(route.response) } },
    }
  }
  if (route.stream === 'ndjson') {
    const line = {
      oneOf: [
        { type: 'object', required: ['progress'], properties: { progress: ref(route.progress!) } },
        { type: 'object', required: ['result'], properties: { result: ref(route.response) } },
        { type: 'object', required: ['error'], properties: { error: ref(problem) } },
      ],
    }
    return {
      description: 'One JSON object a line: progress, any number of times, then the result or an error.',
      content: { 'application/x-ndjson': { schema: line } },
    }
  }
  const types = route.mediaTypes ?? ['application/json']
  const schemaOf = (type: string) => (type === 'text/html' ? { type: 'string' } : ref(route.response))
  return {
    description: 'The answer.',
    // The page at the address of a task has none.
    ...(isTagged(route) ? { headers: headers({ ETag: 'Of this answer.' }, !types.includes('text/html')) } : {}),
    content: Object.fromEntries(types.map((t) => [t, { schema: schemaOf(t) }])),
  }
}

/** What it answers to `Range` and `If-None-Match` with. */
function conditional(route: Route, ref: (schema: z.ZodType) => Json): Json {
  if (!isTagged(route)) return {}
  const { content } = answer(route, ref)
  return {
    ...(route.parts
      ? {
          206: {
            description: 'The part that `Range` asks for.',
            headers: headers({ ETag: 'Of the whole.', 'Content-Range': '`bytes <first>-<last>/<size>`.' }),
            content,
          },
        }
      : {}),
    304: { description: 'The answer is the one that `If-None-Match` names.', headers: headers({ ETag: 'Of it.' }) },
  }
}

/** Headers of failures, by status. */
const FAILURE_HEADERS: Record<number, Record<string, string>> = {
  401: { 'WWW-Authenticate': '`Bearer`.' },
  405: { Allow: 'The methods that the path has.' },
  416: { 'Content-Range': '`bytes */<size>`.' },
}

function failures(route: Route, ref: (schema: z.ZodType) => Json): Json {
  const byStatus = new Map<number, ErrorCode[]>()
  const common = route.scope === 'public' ? (['FORBIDDEN', 'BAD_INPUT'] as const) : COMMON_ERRORS
  for (const code of new Set<ErrorCode>([...common, 'METHOD_NOT_ALLOWED', ...route.errors])) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const sorted = [...byStatus].sort(([a], [b]) => a - b)
  return Object.fromEntries(
    sorted.map(([status, codes]) => [
      String(status),
      {
        description: codes.join(', '),
        ...(FAILURE_HEADERS[status] === undefined ? {} : { headers: headers(FAILURE_HEADERS[status]) }),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: ref(problem) } },
      },
    ]),
  )
}

/** A token, or the cookie of a browser, which needs its CSRF token too where something changes. */
function security({ scope, method }: Route): Json[] {
  if (scope === 'public') return []
  return [{ token: [scope] }, { cookie: [scope], ...(method === 'GET' ? {} : { csrf: [] }) }]
}

function operation(route: Route, ref: (schema: z.ZodType) => Json): Json {
  return {
    summary: route.summary,
    security: security(route),
    parameters: parameters(route),
    ...(route.upload === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { [route.upload]: { schema: { type: 'string', format: 'binary' } } },
          },
        }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: ref(route.body) } } } }),
    responses: { 200: answer(route, ref), ...conditional(route, ref), ...failures(route, ref) },
  }
}

/** `cookie`: the name of the cookie of a browser; each island has its own. `version` is the software's. */
export interface OpenApiInit {
  version: string
  cookie?: string
}

/** The document of `GET /api/v1/openapi.json`. */
export function openApi({ version, cookie = 'archipel-<8 characters of the id of the island>' }: OpenApiInit): Json {
  const { schemas, ref } = components()
  const paths: Record<string, Json> = {}
  for (const route of routeList) {
    const method = route.method.toLowerCase()
    paths[route.path] = { ...paths[route.path], [method]: { operationId: route.name, ...operation(route, ref) } }
  }
  const address = operation(TASK_ADDRESS, ref)
  paths[TASK_ADDRESS.path] = {
    get: { operationId: 'taskAddress', ...address, security: [...security(TASK_ADDRESS), {}] },
  }
  paths[FILE_ADDRESS.path] = { get: { operationId: 'fileByUrl', ...operation(FILE_ADDRESS, ref), security: [] } }
  return {
    openapi: '3.1.0',
    info: {
      title: 'archipel',
      version,
      summary: 'The web service of an island',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A token of the island; each route names the scope that it needs. run and publish imply read, admin implies all.',
        },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: cookie,
          description:
            'The cookie of a browser that signed in (browserSignIn), for pages of the island itself. What is not GET also needs the scheme csrf and the header Origin.',
        },
        csrf: {
          type: 'apiKey',
          in: 'header',
          name: 'X-CSRF-Token',
          description: 'The field csrf of browserSession; it goes with the cookie, and no token needs it.',
        },
      },
      schemas,
    },
  }
}
