import type { AttemptState } from '../../protocols/model/task.ts'
import type { TaskView } from '../../protocols/model/views.ts'
import type {
  AttemptEvent,
  AttemptRequest,
  ClaimRequest,
  ControlRequest,
  ReadRequest,
} from '../../protocols/task/messages.ts'

interface Call {
  signal: AbortSignal
}

/** What an island answers about tasks to another one, or to itself. `from` is the island that asks. */
export interface TaskHandlers {
  attempt(request: AttemptRequest, from: string, call: Call): AsyncIterable<AttemptEvent>
  control(request: ControlRequest, from: string): Promise<{ state: AttemptState | 'unknown' }>
  claim(request: ClaimRequest, from: string): Promise<{ verdicts: ('keep' | 'drop')[] }>
  read(request: ReadRequest, from: string, call: Call): AsyncIterable<{ bytes: Uint8Array }>
  describe(task: string): Promise<TaskView>
}

/** The same at any island, this one included. Every call throws UNREACHABLE or DEADLINE when nobody answers. */
export interface TaskRemotes {
  /** `onSent` is called before the first byte may have left. */
  attempt(island: string, request: AttemptRequest, call: Call & { onSent?: () => void }): AsyncIterable<AttemptEvent>
  control(island: string, request: ControlRequest, call: Call): Promise<{ state: AttemptState | 'unknown' }>
  claim(island: string, request: ClaimRequest, call: Call): Promise<{ verdicts: ('keep' | 'drop')[] }>
  read(island: string, request: ReadRequest, call: Call): AsyncIterable<{ bytes: Uint8Array }>
  describe(island: string, task: string, call: Call): Promise<TaskView>
  /** Islands connected now, this one not among them. */
  connected(): string[]
  /** Told when an island is connected. */
  onReady(listener: (island: string) => void): () => void
}
