import { bytes } from './format.ts'
import type { Io } from './io.ts'

/** Milliseconds after which a call is worth a word. */
const PATIENCE_MS = 1000
const FRAME_MS = 100
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const BAR_CELLS = 24

export interface Progress {
  /** What is done now; `done` and `total` make it a bar. */
  update(label: string, done?: number, total?: number): void
}

function line(label: string, frame: number, done?: number, total?: number): string {
  if (done === undefined || total === undefined || total <= 0) return `${FRAMES[frame % FRAMES.length]} ${label}`
  const part = Math.min(1, done / total)
  const full = Math.round(part * BAR_CELLS)
  const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
  return `${bar} ${String(Math.floor(part * 100)).padStart(3)} %  ${label}  ${bytes(done)} of ${bytes(total)}`
}

/** Runs `work`; after a second, and on a terminal only, shows that it goes on. */
export async function withProgress<T>(io: Io, label: string, work: (progress: Progress) => Promise<T>): Promise<T> {
  if (!io.live) return work({ update() {} })
  let now: [string, number?, number?] = [label]
  let frame = 0
  let drawing: NodeJS.Timeout | undefined
  const patience = setTimeout(() => {
    drawing = setInterval(() => {
      const room = Math.max(10, (process.stderr.columns ?? 80) - 1)
      io.draw(line(now[0], frame++, now[1], now[2]).slice(0, room))
    }, FRAME_MS)
  }, PATIENCE_MS)
  try {
    return await work({
      update(...next) {
        now = next
      },
    })
  } finally {
    clearTimeout(patience)
    clearInterval(drawing)
    if (drawing !== undefined) io.draw('')
  }
}
