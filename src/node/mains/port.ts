import type { MainFile } from '../../protocols/model/spark.ts'

interface CallOptions {
  signal?: AbortSignal
}

/** Bytes of a file from an offset to its end; may break off before it. */
export type MainSource = (offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>

export interface MainsPort {
  start(): Promise<void>
  stop(): void
  /** Durable when it resolves; the same bytes again are the same file. @throws BAD_INPUT (the name), TOO_LARGE, DISK_FULL, CANCELLED */
  put(name: string, bytes: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<MainFile>
  /** The file as it is kept here; undefined where it is not. From now on it is kept for a day at least. */
  find(file: Pick<MainFile, 'name' | 'sha256'>): Promise<MainFile | undefined>
  /** Absolute path of the file, which is fetched first where it is not here. @throws TOO_LARGE, DISK_FULL, PROTOCOL, and what the source throws */
  path(file: MainFile, source: MainSource, options?: CallOptions): Promise<string>
  /** @throws NOT_FOUND */
  read(file: Pick<MainFile, 'name' | 'sha256'>, offset: number): AsyncIterable<Uint8Array>
  /** Removes what nobody names any more. @returns how many */
  sweep(): Promise<number>
}
