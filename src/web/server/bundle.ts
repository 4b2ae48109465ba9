/**
 * The programs for browsers: one bundle each, made by esbuild. The built package has them ready below `bundles/`; from
 * sources they are made at first use and kept in memory.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { ArchipelError } from '../../protocols/model/errors.ts'

const WEB = join(import.meta.dirname, '..')

/** What there is to bundle: entry below `src/web`, without its ending. Its outputs are `<name>.js`, with styles `<name>.css`, and the licences in `<name>.txt`. */
export const BUNDLES = {
  client: 'client/index',
  page: 'ui/main',
} as const satisfies Record<string, string>
export type BundleName = keyof typeof BUNDLES

export interface BundleFile {
  /** e.g. `client.js` */
  name: string
  mediaType: string
  /** Strong, without its quotes. */
  etag: string
  bytes: Uint8Array
  gzipped: Uint8Array
}

const MEDIA_TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

const made = new Map<BundleName, Promise<BundleFile[]>>()

/** The files of a bundle, the same at each call. @throws INTERNAL when the sources do not bundle */
export function bundleFiles(name: BundleName): Promise<BundleFile[]> {
  let files = made.get(name)
  if (files === undefined) {
    files = load(name)
    made.set(name, files)
    files.catch(() => made.delete(name))
  }
  return files
}

/** One file of a bundle. @throws INTERNAL, NOT_FOUND */
export async function bundleFile(name: BundleName, file: string): Promise<BundleFile> {
  const found = (await bundleFiles(name)).find((f) => f.name === file)
  if (found === undefined) throw new ArchipelError('NOT_FOUND', `there is no file ${JSON.stringify(file)}`)
  return found
}

async function load(name: BundleName): Promise<BundleFile[]> {
  const built = join(WEB, 'bundles', name)
  const files = existsSync(built) ? await readBuilt(built) : await build(name)
  return Promise.all(files.map(finish))
}

async function readBuilt(folder: string): Promise<{ name: string; bytes: Uint8Array }[]> {
  const names = (await readdir(folder)).sort()
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })))
}

async function finish({ name, bytes }: { name: string; bytes: Uint8Array }): Promise<BundleFile> {
  const mediaType = MEDIA_TYPES[extname(name)] ?? 'application/octet-stream'
  const etag = createHash('sha256').update(bytes).digest('base64url')
  return { name, mediaType, etag, bytes, gzipped: await promisify(gzip)(bytes, { level: 9 }) }
}

/** The licences of all packages that these files are from, as each of them asks for. */
async function noticesOf(inputs: string[]): Promise<string> {
  const folders = inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(resolve(path))?.[1] ?? [])
  const notices = [...new Set(folders)].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    const texts = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort()
    const text = await Promise.all(texts.map((file) => readFile(join(folder, file), 'utf8')))
    return [`${name} ${version} (${license})`, ...text.map((t) => t.trim())].join('\n\n')
  })
  return ['archipel (Apache-2.0) contains:', ...(await Promise.all(notices))].join(`\n\n${'-'.repeat(80)}\n\n`)
}

let last: Promise<unknown> = Promise.resolve()

/** Bundles from the sources, for ES modules of present browsers. One at a time: esbuild has one helper process. */
export function build(name: BundleName): Promise<{ name: string; bytes: Uint8Array }[]> {
  const next = last.then(() => bundle(name))
  last = next.catch(() => {})
  return next
}

async function bundle(name: BundleName): Promise<{ name: string; bytes: Uint8Array }[]> {
  const esbuild = await import('esbuild')
  const entry = ['.ts', '.tsx', '.js']
    .map((ending) => join(WEB, BUNDLES[name] + ending))
    .find((path) => existsSync(path))
  try {
    const { outputFiles, metafile } = await esbuild.build({
      entryPoints: [{ in: entry ?? BUNDLES[name], out: name }],
      outdir: '/',
      bundle: true,
      write: false,
      metafile: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2023',
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'silent',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      define: { 'process.env.NODE_ENV': '"production"' },
    })
    const files = outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: contents }))
    const notices = await noticesOf(Object.keys(metafile.inputs))
    return [...files, { name: `${name}.txt`, bytes: Buffer.from(notices) }]
  } catch (cause) {
    throw new ArchipelError('INTERNAL', `the bundle ${name} cannot be made`, { cause })
  } finally {
    await esbuild.stop()
  }
}
