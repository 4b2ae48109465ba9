import type {
  HaveAnswer,
  RangeItem,
  RangesRequest,
  TableItem,
  TablesRequest,
} from '../../../protocols/transfer/messages.ts'
import type { Pinned } from '../serve/port.ts'

/** A holder that can be asked; each call may fail as a call over the network does. */
export interface RemoteHolder {
  have(pinned: Pinned, signal: AbortSignal): Promise<HaveAnswer>
  tables(request: TablesRequest, signal: AbortSignal): AsyncIterable<TableItem>
  ranges(request: RangesRequest, signal: AbortSignal): AsyncIterable<RangeItem>
}
