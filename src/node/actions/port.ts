import type { Logger } from 'pino'
import type { CallOptions } from '../../protocols/model/call-options.ts'
import type { MainFile } from '../../protocols/model/spark.ts'
import type {
  ActionPage,
  ActionQuery,
  ActionRequest,
  ActionRunRequest,
  ActionView,
  SubmitRequest,
  TaskView,
} from '../../protocols/model/views.ts'
import type { CatalogPort } from '../catalog/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { MainsPort } from '../mains/port.ts'
import type { Bucket } from '../store/port.ts'

interface OwnOptions extends CallOptions {
  /** Refuse what other users saved. */
  onlyOwn?: boolean
}

/** Actions of this island, and those that others share. */
export interface ActionsPort {
  /** Durable when it resolves. @throws BAD_INPUT, TOO_LARGE, TOO_MANY, FORBIDDEN (of another user), NOT_FOUND (the main file) */
  save(request: ActionRequest, options?: OwnOptions): Promise<ActionView>
  list(query: ActionQuery, options?: CallOptions): Promise<ActionPage>
  /** @throws ACTION_NOT_FOUND, AMBIGUOUS, BAD_ID */
  show(ref: string, options?: CallOptions): Promise<ActionView>
  run(ref: string, request: ActionRunRequest, options?: CallOptions): Promise<TaskView>
  share(ref: string, options?: OwnOptions): Promise<ActionView>
  remove(ref: string, options?: OwnOptions): Promise<{ id: string }>
  /** Whether the file belongs to an action that this island shares. */
  shares(file: Pick<MainFile, 'sha256'>): Promise<boolean>
  /** Hashes of the main files of own actions. */
  mains(): Promise<string[]>
}

export interface ActionsComponents {
  store: Bucket
  catalog: Pick<CatalogPort, 'get' | 'list' | 'own' | 'append' | 'withdraw'>
  nameOf(island: string): string
  isMember(island: string): boolean
  /** By id or name. @throws NOT_FOUND, AMBIGUOUS */
  islandNamed(text: string): string
  mains: Pick<MainsPort, 'find'>
  /** Brings the main file of an action of another island here. @throws UNREACHABLE, TOO_LARGE, DISK_FULL, PROTOCOL */
  fetchMain(file: MainFile, publisher: string, options: CallOptions): Promise<unknown>
  /** Whether the work can be a task at all. @throws BAD_INPUT */
  check(request: SubmitRequest, user: string): void
  submit(request: SubmitRequest, options: CallOptions): Promise<TaskView>
  journal: JournalPort
  logger: Logger
}
