/** Files that anybody may have: no token, one strong ETag, asked for again at each use. */
import type { BundleFile } from './bundle.ts'
import { isKnown } from './etag.ts'

/** The file, compressed where the asker takes it; 304 when it has it. `headers` are those of the request. */
export function answerStatic(
  file: BundleFile,
  headers: { get(name: string): string | null },
  more: Record<string, string> = {},
): Response {
  const zipped = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(headers.get('accept-encoding') ?? '')
  const etag = `"${zipped ? `${file.etag}-gzip` : file.etag}"`
  const common = {
    etag,
    'cache-control': 'no-cache',
    vary: 'accept-encoding',
    ...more,
  }
  if (isKnown(etag, headers.get('if-none-match') ?? undefined))
    return new Response(null, { status: 304, headers: common })
  const bytes = zipped ? file.gzipped : file.bytes
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: {
      ...common,
      'content-type': file.mediaType,
      'content-length': String(bytes.byteLength),
      ...(zipped ? { 'content-encoding': 'gzip' } : {}),
    },
  })
}
