import type {
  LogPage,
  SessionPage,
  SessionRequest,
  SessionView,
  StatementPage,
  StatementRequest,
  StatementView,
} from '../../protocols/model/views.ts'

export interface PageRequest {
  limit?: number
  cursor?: string
}

export interface Who {
  /** Default: the owner of the island. */
  user?: string
  signal?: AbortSignal
  /** Refuse sessions of other users. */
  onlyOwn?: boolean
}

export interface SessionFunctions {
  /** Answers while it starts. @throws DATASET_NOT_FOUND (not held here), STALE, TOO_MANY, FORBIDDEN */
  create(request: SessionRequest, who?: Who): Promise<SessionView>
  list(page?: PageRequest): Promise<SessionPage>
  /** @throws SESSION_NOT_FOUND */
  show(id: number): Promise<SessionView>
  /** @throws SESSION_NOT_FOUND, FORBIDDEN */
  delete(id: number, who?: Who): Promise<{ id: number }>
  log(id: number, range: { offset: number; limit: number }): Promise<LogPage>
}

export interface StatementFunctions {
  /** Waits for the session to be there, not for the end. @throws SESSION_NOT_FOUND, SESSION_STATE, TOO_MANY, FORBIDDEN, and why it did not start */
  create(session: number, request: StatementRequest, who?: Who): Promise<StatementView>
  list(session: number, page?: PageRequest): Promise<StatementPage>
  /** @throws SESSION_NOT_FOUND, STATEMENT_NOT_FOUND */
  show(session: number, statement: number): Promise<StatementView>
  cancel(session: number, statement: number, who?: Who): Promise<StatementView>
}
