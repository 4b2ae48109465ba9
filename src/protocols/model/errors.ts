/**
 * Every failure that leaves a component is an `ArchipelError` with a code from this table. Callers match on
 * `code`, never on class or message. `status` is the HTTP status of the web service; the exit code of the CLI
 * follows from it (`exitCode`). `retryable`: the same call may succeed later although nobody changed anything for it.
 * `hint` says what to do next; a thrower may replace it with a more exact one.
 */
export const ERRORS = {
  INTERNAL: {
    status: 500,
    retryable: false,
    hint: 'This is a fault of archipel; the log of the island has the details.',
  },
  BAD_INPUT: { status: 400, retryable: false, hint: 'Correct the input named in the message and try again.' },
  UNAUTHENTICATED: {
    status: 401,
    retryable: false,
    hint: 'Send a token as "Authorization: Bearer ..."; `archipel token create` makes one, that of the owner is in owner.token of the data directory.',
  },
  TOKEN_EXPIRED: { status: 401, retryable: false, hint: 'Make a new token with `archipel token create`.' },
  TOKEN_REVOKED: { status: 401, retryable: false, hint: 'Ask the owner of the island for a new token.' },
  URL_INVALID: {
    status: 403,
    retryable: false,
    hint: 'Use the address as it was given, whole, at the island that made it; `archipel url <dataset> <path>` makes a new one.',
  },
  URL_EXPIRED: {
    status: 403,
    retryable: false,
    hint: 'Make a new one: `archipel url <dataset> <path> --expires 1h`.',
  },
  TOKEN_EXISTS: {
    status: 409,
    retryable: false,
    hint: 'Choose another name, or revoke the token of that name first: `archipel token revoke <name>`.',
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    retryable: false,
    hint: '`archipel token list --all` shows the tokens of this island.',
  },
  SCOPE_MISSING: {
    status: 403,
    retryable: false,
    hint: 'Use a token with the scope that the message names; `archipel token create --scope` makes one.',
  },
  FORBIDDEN: {
    status: 403,
    retryable: false,
    hint: 'The policy of that island does not allow this; ask its operator.',
  },
  CSRF_FAILED: {
    status: 403,
    retryable: false,
    hint: 'Reload the page of the island; a program sends a token instead of the cookie.',
  },
  NOT_FOUND: {
    status: 404,
    retryable: false,
    hint: 'Check the id; `archipel datasets` and `archipel islands` list what is known here.',
  },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false, hint: 'The routes are listed in /api/v1/openapi.json.' },
  NOT_ACCEPTABLE: { status: 406, retryable: false, hint: 'Ask for one of the types that the message names.' },
  REQUEST_TIMEOUT: {
    status: 408,
    retryable: true,
    hint: 'Send the whole request within 30 s, its headers within 10 s; then try again.',
  },
  TOO_LARGE: {
    status: 413,
    retryable: false,
    hint: 'Send less at once; config/limits.md names the bounds.',
  },
  BAD_RANGE: { status: 416, retryable: false, hint: 'Ask for bytes within the size that the message names.' },
  TOO_MANY: { status: 429, retryable: true, hint: 'Wait a little and try again.' },
  CANCELLED: { status: 499, retryable: true, hint: 'The call was cancelled before it ended.' },
  DEADLINE: {
    status: 504,
    retryable: true,
    hint: 'The other side did not answer in time; try again or raise the timeout.',
  },
  // the island and its data directory
  NOT_RUNNING: {
    status: 503,
    retryable: true,
    hint: 'Start the island with `archipel up`, or name another with --island <url>.',
  },
  NOT_READY: {
    status: 503,
    retryable: true,
    hint: 'The message says what it waits for; `archipel status` tells more.',
  },
  DATA_DIR_LOCKED: {
    status: 409,
    retryable: false,
    hint: 'Another process uses this data directory; stop it or choose another with --data-dir.',
  },
  DATA_DIR_BROKEN: {
    status: 500,
    retryable: false,
    hint: 'Check the permissions and the free space of the data directory, or restore it from a backup.',
  },
  STORE_VERSION: {
    status: 500,
    retryable: false,
    hint: 'This data directory was written by another version of archipel; install that version or a newer one.',
  },
  ADDRESS_IN_USE: {
    status: 409,
    retryable: false,
    hint: 'Another program uses that port; choose another with --listen or --web-port.',
  },
  NO_ARCHIPELAGO: {
    status: 409,
    retryable: false,
    hint: 'Make an archipelago with `archipel create <name>` or join one with `archipel join <ticket>`.',
  },
  ALREADY_MEMBER: {
    status: 409,
    retryable: false,
    hint: 'This island belongs to an archipelago already; use another --data-dir, or `archipel leave` first.',
  },
  CONFIG_INVALID: {
    status: 400,
    retryable: false,
    hint: 'Correct the setting named in the message; config/reference.md lists them all.',
  },
  DISK_FULL: { status: 507, retryable: true, hint: 'Free some space on the disk of the data directory.' },
  // membership
  NOT_A_MEMBER: { status: 403, retryable: true, hint: 'Only members are served; join with a ticket from a member.' },
  MEMBER_REVOKED: {
    status: 403,
    retryable: false,
    hint: 'This island was revoked; ask an administrator of the archipelago for a new ticket.',
  },
  TICKET_INVALID: { status: 400, retryable: false, hint: 'The ticket was altered or cut; copy the whole line again.' },
  TICKET_EXPIRED: { status: 403, retryable: false, hint: 'Ask for a new ticket: `archipel invite` at a member.' },
  TICKET_USED: { status: 403, retryable: false, hint: 'A ticket is redeemed once; ask for a new one.' },
  TICKET_REVOKED: { status: 403, retryable: false, hint: 'The ticket was withdrawn; ask for a new one.' },
  TICKET_UNKNOWN: { status: 403, retryable: false, hint: 'The issuer does not know this ticket; ask for a new one.' },
  NOT_REACHABLE: {
    status: 409,
    retryable: false,
    hint: 'Announce an address that others can reach: set network.announce, open the port, then try again.',
  },
  NOT_ADMIN: {
    status: 403,
    retryable: false,
    hint: 'Only a holder of an admin key may do this: run it on the first island or pass --recovery-key.',
  },
  ARCHIPELAGO_MISMATCH: { status: 409, retryable: false, hint: 'The other side belongs to another archipelago.' },
  // network
  UNREACHABLE: {
    status: 503,
    retryable: true,
    hint: 'The island cannot be reached now; `archipel islands` shows who is live.',
  },
  PROTOCOL: {
    status: 502,
    retryable: false,
    hint: 'The other side sent something that is not the protocol; check the versions of both islands.',
  },
  CAPABILITY_INVALID: {
    status: 401,
    retryable: false,
    hint: 'The permission to fetch these bytes is not for this island, these files, or this asker; islands ask for a new one by themselves.',
  },
  CAPABILITY_EXPIRED: {
    status: 401,
    retryable: true,
    hint: 'The permission to fetch these bytes has run out; islands ask for a new one by themselves.',
  },
  // catalog
  RECORD_INVALID: {
    status: 400,
    retryable: false,
    hint: 'The record was refused; the message says which check failed.',
  },
  FORKED: {
    status: 409,
    retryable: false,
    hint: 'The island signed two different histories; an administrator finds out why, then runs `archipel pardon <island>` or `archipel revoke <island>`.',
  },
  RECOVERING: {
    status: 503,
    retryable: true,
    hint: 'The own log is being recovered from peers; try again in a moment.',
  },
  // datasets
  DATASET_NOT_FOUND: {
    status: 404,
    retryable: true,
    hint: 'Search with `archipel datasets <words>`; a dataset just published needs a moment to spread.',
  },
  AMBIGUOUS: {
    status: 409,
    retryable: false,
    hint: 'Say which one is meant: `<id>@<island id>`, as the list has it.',
  },
  DATASET_EXISTS: { status: 409, retryable: false, hint: 'Choose another --id, or unpublish the old one first.' },
  NO_HOLDER: { status: 503, retryable: true, hint: 'No island that can be reached holds this dataset now.' },
  STALE: {
    status: 409,
    retryable: false,
    hint: 'The source files changed after publishing; the holder has to publish them again.',
  },
  BAD_DATA: {
    status: 502,
    retryable: false,
    hint: 'No holder sends what the manifest says; `archipel verify` at the holder finds bad files. `archipel transfers resume` tries again.',
  },
  QUOTA_EXCEEDED: {
    status: 507,
    retryable: false,
    hint: 'Drop replicas with `archipel drop`, or raise replicas.quotaBytes.',
  },
  TRANSFER_NOT_FOUND: { status: 404, retryable: false, hint: '`archipel transfers` lists those of this island.' },
  TRANSFER_STATE: { status: 409, retryable: false, hint: 'The message says in which state the transfer is.' },
  REQUEST_NOT_FOUND: { status: 404, retryable: false, hint: '`archipel requests` lists those of this island.' },
  SUBSCRIPTION_NOT_FOUND: {
    status: 404,
    retryable: false,
    hint: '`archipel subscriptions` lists those of this island.',
  },
  RULE_NOT_FOUND: { status: 404, retryable: false, hint: '`archipel rules list` shows those of all islands.' },
  RULE_IMPOSSIBLE: {
    status: 409,
    retryable: false,
    hint: 'Ask for fewer copies or for more islands; the setting rules.accept of an island says whose rules it obeys.',
  },
  RULE_EXISTS: {
    status: 409,
    retryable: false,
    hint: 'Remove that one first (`archipel rules remove`), or leave it as it is.',
  },
  LAST_COPY: {
    status: 409,
    retryable: false,
    hint: 'No other island was found that has all of it now; --force drops it nevertheless.',
  },
  SOURCE_NOT_ALLOWED: {
    status: 403,
    retryable: false,
    hint: 'The operator of that island names the places that it may read in outside.sources of the configuration.',
  },
  SOURCE_REFUSED: {
    status: 502,
    retryable: false,
    hint: 'The operator of that island checks the credentials in outside.sources, and what they may read there.',
  },
  SOURCE_UNREACHABLE: {
    status: 503,
    retryable: true,
    hint: 'Try again later; the operator of that island checks the address in outside.sources, and the way there.',
  },
  BELOW_RULE: {
    status: 409,
    retryable: false,
    hint: '`archipel rules explain` shows who has copies; --force drops this one nevertheless.',
  },
  DROP_PROMISED: {
    status: 409,
    retryable: true,
    hint: 'Another island drops its copy and relies on this one; the details say until when.',
  },
  DROP_CONFLICT: { status: 409, retryable: true, hint: 'Try again when the other island has dropped its copy.' },
  PROMISE_MISSING: {
    status: 503,
    retryable: true,
    hint: 'Try again when those islands can be reached; --force drops the copy nevertheless.',
  },
  UNREADABLE: {
    status: 400,
    retryable: false,
    hint: 'The file cannot be read as the format it seems to have; check it, or publish with --as files.',
  },
  BAD_ID: {
    status: 400,
    retryable: false,
    hint: 'Ids are doi:, ivo:, urn:, https: URIs or plain names of letters, digits, "_", "-" and ".".',
  },
  // work
  SQL_INVALID: {
    status: 400,
    retryable: false,
    hint: 'Correct the statement; tables are dataset ids in double quotes or their short names.',
  },
  SQL_REFUSED: {
    status: 403,
    retryable: false,
    hint: 'Only one SELECT over published datasets is allowed: no other files, settings, extensions or catalog functions.',
  },
  ENGINE_DOWN: {
    status: 503,
    retryable: true,
    hint: 'The engine of that island is not available; `archipel status` there says why.',
  },
  ENGINE_FAILED: {
    status: 500,
    retryable: false,
    hint: 'The statement failed while it ran; the message is the engine’s.',
  },
  MEMORY_LIMIT: {
    status: 507,
    retryable: false,
    hint: 'It needed more memory than the island allows: select less, or take less at a time.',
  },
  TIME_LIMIT: {
    status: 504,
    retryable: false,
    hint: 'It ran longer than it was allowed to, by whom the message says: do less at a time, or ask for more time (--timeout).',
  },
  RESULT_LIMIT: {
    status: 413,
    retryable: false,
    hint: 'The result is larger than the island returns at once; add a LIMIT or aggregate.',
  },
  ACTION_NOT_FOUND: {
    status: 404,
    retryable: true,
    hint: '`archipel actions list` shows those that are known here; one just shared needs a moment to spread.',
  },
  TASK_NOT_FOUND: {
    status: 404,
    retryable: false,
    hint: 'Check the task id; `archipel tasks` lists those of this island.',
  },
  TASK_STATE: {
    status: 409,
    retryable: false,
    hint: 'The task is not in a state that allows this; `archipel task show <id>` tells where it is.',
  },
  SESSION_NOT_FOUND: {
    status: 404,
    retryable: false,
    hint: 'Check the number; `archipel session list` shows the sessions. A restart of the island ends all.',
  },
  STATEMENT_NOT_FOUND: {
    status: 404,
    retryable: false,
    hint: 'Check the number; a session remembers its last 100 statements.',
  },
  SESSION_STATE: { status: 409, retryable: false, hint: 'The session has ended; open a new one.' },
  LEASE_EXPIRED: {
    status: 503,
    retryable: true,
    hint: 'The island that ran it was lost and nobody else holds the data; run `archipel task retry <id>` when one is back.',
  },
  OUTCOME_UNKNOWN: {
    status: 503,
    retryable: false,
    hint: 'It may have run, and --at-most-once forbids another try; look at what it should have done, then `archipel task retry <id>` if nothing was.',
  },
  FENCED: {
    status: 409,
    retryable: false,
    hint: 'A newer attempt of the task has taken over; nothing has to be done.',
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    retryable: false,
    hint: 'The same idempotency key was used for another task; choose a new key.',
  },
  CODE_FAILED: {
    status: 422,
    retryable: false,
    hint: 'The program ended with an error; `archipel task log <id>` has what it printed.',
  },
  LANGUAGE_MISSING: {
    status: 409,
    retryable: false,
    hint: 'No island that holds the data runs this language; `archipel islands` shows who runs what.',
  },
  NO_SANDBOX: {
    status: 403,
    retryable: false,
    hint: 'Forwarded programs run only inside a sandbox; the operator of that island has to install bubblewrap.',
  },
  DISK_LIMIT: {
    status: 507,
    retryable: false,
    hint: 'The program wrote more than the island allows; write less.',
  },
  RESULT_EXPIRED: {
    status: 410,
    retryable: false,
    hint: 'Results are kept for a limited time; run `archipel task retry <id>` to have it again.',
  },
} as const satisfies Record<string, { status: number; retryable: boolean; hint: string }>

export type ErrorCode = keyof typeof ERRORS

/** What an error looks like on the wire, in JSON output and (with `type`, `title`, `status`) as problem+json. */
export interface ErrorInfo {
  code: ErrorCode
  message: string
  hint: string
  retryable: boolean
  /** Anything a program may want: candidates of an ambiguous id, the limit that was hit. Never a path or a secret of the site. */
  details?: Record<string, unknown>
}

export class ArchipelError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly retryable: boolean
  readonly details: Record<string, unknown> | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ArchipelError'
    this.code = code
    this.hint = options.hint ?? ERRORS[code].hint
    this.retryable = ERRORS[code].retryable
    this.details = options.details
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  toInfo(): ErrorInfo {
    const info: ErrorInfo = { code: this.code, message: this.message, hint: this.hint, retryable: this.retryable }
    if (this.details !== undefined) info.details = this.details
    return info
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value)
}

/** An error as received from another island or the web service; unknown codes of a newer version become INTERNAL, text kept. */
export function errorFromInfo(info: {
  code?: unknown
  message?: unknown
  hint?: unknown
  details?: unknown
}): ArchipelError {
  const code = isErrorCode(info.code) ? info.code : 'INTERNAL'
  const options: { hint?: string; details?: Record<string, unknown> } = {}
  if (typeof info.hint === 'string') options.hint = info.hint
  if (typeof info.details === 'object' && info.details !== null)
    options.details = info.details as Record<string, unknown>
  return new ArchipelError(
    code,
    typeof info.message === 'string' ? info.message : String(info.code ?? 'unknown error'),
    options,
  )
}

/** As it is kept and told to others: without what only the moment knew. */
export function problemOf(cause: unknown): Omit<ErrorInfo, 'details'> {
  const { code, message, hint, retryable } = toArchipelError(cause)
  return { code, message, hint, retryable }
}

/** Anything thrown, as an `ArchipelError`. Foreign errors become INTERNAL with a neutral text: their message may hold local paths. */
export function toArchipelError(error: unknown): ArchipelError {
  if (error instanceof ArchipelError) return error
  const e = error as { name?: string; code?: string } | undefined
  if (e?.name === 'AbortError') return new ArchipelError('CANCELLED', 'the call was cancelled', { cause: error })
  if (e?.name === 'TimeoutError') return new ArchipelError('DEADLINE', 'no answer in time', { cause: error })
  if (e?.code === 'ENOSPC') return new ArchipelError('DISK_FULL', 'the disk is full', { cause: error })
  return new ArchipelError('INTERNAL', 'an unexpected error', { cause: error })
}
