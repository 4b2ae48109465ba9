/** Text given as an argument, from a file or from standard input. */
import { open } from 'node:fs/promises'
import { ArchipelError } from '../../protocols/model/errors.ts'

const MAX_INPUT_BYTES = 1024 * 1024

async function readAll(chunks: AsyncIterable<Uint8Array>, what: string): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > MAX_INPUT_BYTES) throw new ArchipelError('TOO_LARGE', `${what} has more than ${MAX_INPUT_BYTES} bytes`)
    parts.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts, size))
  } catch (cause) {
    throw new ArchipelError('BAD_INPUT', `${what} is not text in UTF-8`, { cause })
  }
}

/** @throws BAD_INPUT, TOO_LARGE */
export async function readFileText(path: string): Promise<string> {
  try {
    const file = await open(path)
    // The stream closes the file.
    return await readAll(file.createReadStream(), path)
  } catch (cause) {
    if (cause instanceof ArchipelError) throw cause
    throw new ArchipelError('BAD_INPUT', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

/** @throws BAD_INPUT, TOO_LARGE, CANCELLED */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const stop = () => void process.stdin.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await readAll(process.stdin, 'standard input')
  } catch (cause) {
    if (signal.aborted) throw new ArchipelError('CANCELLED', 'the call was cancelled', { cause })
    throw cause
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** `-` is standard input, `@path` a file, anything else the text itself. */
export async function readArgument(argument: string, signal: AbortSignal): Promise<string> {
  if (argument === '-') return readStdin(signal)
  return argument.startsWith('@') ? readFileText(argument.slice(1)) : argument
}

/** The one line of a secret or a ticket. @throws BAD_INPUT when there is none, or several */
export function oneLine(text: string, what: string): string {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  if (lines.length !== 1) {
    throw new ArchipelError(
      'BAD_INPUT',
      `${what} has to be one line, not ${lines.length === 0 ? 'empty' : `${lines.length} lines`}`,
    )
  }
  return lines[0]!.trim()
}
