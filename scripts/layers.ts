/**
 * Checks what may import what; `node scripts/layers.ts [root]` prints the findings and exits with 1 when a rule is
 * broken. The rules stand in `RULES`, each with its reason in the message it gives.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { cycles } from './cycles.ts'
import { findImports, type Import } from './imports.ts'

const WARN_LINES = 300
const MAX_LINES = 500
const RANK: Record<string, number> = { protocols: 0, web: 1, node: 2 }
const LIBP2P = /^(libp2p|@libp2p\/.+|@chainsafe\/libp2p-.+)$/
const LIBP2P_FOLDERS = ['src/protocols/wire/', 'src/node/network/']

/** The one file of the client library that may import what browsers do not have. */
const CLIENT_OF_NODE = 'src/web/client/node.ts'
/** Modules of Node that open connections. */
const HTTP = /^(node:)?(https?|http2|net|tls)$/

export interface Finding {
  rule: 'browser' | 'client' | 'layer' | 'composition' | 'capability' | 'libp2p' | 'outside' | 'cycle' | 'size'
  file: string
  line: number
  message: string
}

export interface LayersReport {
  errors: Finding[]
  warnings: Finding[]
  /** How many files were read. */
  files: number
}

/** An import of `file`, with its target inside the project (a path from the root) or the name of a package. */
interface Arrow extends Import {
  file: string
  target: string | undefined
  pkg: string | undefined
}

/** A rule answers with what is wrong about an import, or undefined. */
type Rule = (arrow: Arrow) => { rule: Finding['rule']; message: string } | undefined

const RULES: Rule[] = [
  function layers({ file, target }) {
    const [from, to] = [layerOf(file), target && layerOf(target)]
    if (from === undefined || to === undefined || RANK[to]! <= RANK[from]!) return
    return {
      rule: 'layer',
      message: `${from}/ must not import ${to}/ (arrows point one way: node > web > protocols): ${target}`,
    }
  },
  function webOnlyInComposition({ file, target }) {
    if (layerOf(file) !== 'node' || target === undefined || layerOf(target) !== 'web' || isComposer(file)) return
    return {
      rule: 'composition',
      message: `only src/node/island.ts, island-port.ts and cli/ may import web/: ${target}`,
    }
  },
  function capabilities({ file, target, typeOnly }) {
    if (layerOf(file) !== 'node' || target === undefined || layerOf(target) !== 'node' || typeOnly) return
    const [from, to] = [capabilityOf(file), capabilityOf(target)]
    if (from === undefined || from === to || isComposer(file)) return
    const what = to === undefined ? `the composition (${target})` : `node/${to}/ (${target})`
    return {
      rule: 'capability',
      message: `node/${from}/ must not import values of ${what}: declare a port and receive it, or use "import type"`,
    }
  },
  function libp2p({ file, pkg, typeOnly }) {
    if (pkg === undefined || typeOnly || !file.startsWith('src/') || !LIBP2P.test(pkg)) return
    if (LIBP2P_FOLDERS.some((folder) => file.startsWith(folder))) return
    return {
      rule: 'libp2p',
      message: `only ${LIBP2P_FOLDERS.join(' and ')} may import values of ${pkg}; use "import type" or their ports`,
    }
  },
  function browser({ file, target, pkg, specifier, typeOnly }) {
    if (typeOnly || !inBrowserClient(file)) return
    const foreign = specifier.startsWith('node:')
      ? specifier
      : (pkg ?? (target === CLIENT_OF_NODE ? target : undefined))
    if (foreign === undefined) return
    return {
      rule: 'browser',
      message: `the client library runs in browsers, without ${foreign}: put it into ${CLIENT_OF_NODE}`,
    }
  },
  function oneClient({ file, pkg, specifier, target, typeOnly }) {
    if (typeOnly || !file.startsWith('src/node/cli/')) return
    const web = target?.startsWith('src/web/') && !/^src\/web\/(client|contract)\//.test(target) ? target : undefined
    const http = HTTP.test(specifier) || pkg === 'undici' ? specifier : web
    if (http === undefined) return
    return { rule: 'client', message: `the command line talks to islands by src/web/client/ alone, not by ${http}` }
  },
  function outside({ file, target }) {
    if (target === undefined || !file.startsWith('src/') || target.startsWith('src/') || target === 'package.json')
      return
    return { rule: 'outside', message: `src/ is published without ${target}` }
  },
]

/** Reads all sources below `root` (src, test, scripts, examples) and judges them. */
export function checkLayers(root: string): LayersReport {
  const report: LayersReport = { errors: [], warnings: [], files: 0 }
  const graph = new Map<string, string[]>()
  for (const file of sources(root)) {
    report.files++
    const text = readFileSync(join(root, file), 'utf8')
    checkSize(report, file, text)
    const arrows = findImports(text).map((found) => locate(file, found))
    for (const arrow of arrows) {
      for (const rule of RULES) {
        const verdict = rule(arrow)
        if (verdict !== undefined) report.errors.push({ ...verdict, file, line: arrow.line })
      }
    }
    if (file.startsWith('src/') || file.startsWith('test/kit/')) {
      graph.set(file, [...new Set(arrows.flatMap(({ target }) => target ?? []))])
    }
  }
  for (const cycle of cycles(graph)) {
    const message = `import cycle: ${[...cycle, cycle[0]].join(' > ')}; move what they share into a file of its own`
    report.errors.push({ rule: 'cycle', file: cycle[0]!, line: 1, message })
  }
  return report
}

function sources(root: string): string[] {
  return globSync('{src,test,scripts,examples}/**/*.{ts,tsx,mts,js,mjs}', { cwd: root, exclude: ['**/node_modules'] })
    .map((file) => file.split(sep).join('/'))
    .sort()
}

function checkSize(report: LayersReport, file: string, text: string): void {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (lines > MAX_LINES) {
    report.errors.push({
      rule: 'size',
      file,
      line: 1,
      message: `${lines} lines, at most ${MAX_LINES} are allowed: split it`,
    })
  } else if (lines > WARN_LINES) {
    report.warnings.push({
      rule: 'size',
      file,
      line: 1,
      message: `${lines} lines; files should stay below ${WARN_LINES}`,
    })
  }
}

function locate(file: string, found: Import): Arrow {
  const { specifier } = found
  if (specifier.startsWith('.'))
    return { ...found, file, target: posix.join(posix.dirname(file), specifier), pkg: undefined }
  const parts = specifier.split('/')
  const pkg = specifier.startsWith('node:') ? undefined : parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return { ...found, file, target: undefined, pkg }
}

/** `protocols`, `web` or `node` for a file below src/. */
function layerOf(file: string): string | undefined {
  const [top, layer] = file.split('/')
  return top === 'src' && layer !== undefined && layer in RANK ? layer : undefined
}

/** The folder below src/node; undefined for the files directly in it, which compose the island. */
function capabilityOf(file: string): string | undefined {
  const parts = file.split('/')
  return parts.length > 3 ? parts[2] : undefined
}

function inBrowserClient(file: string): boolean {
  return file.startsWith('src/web/client/') && file !== CLIENT_OF_NODE
}

function isComposer(file: string): boolean {
  return file === 'src/node/island.ts' || file === 'src/node/island-port.ts' || file.startsWith('src/node/cli/')
}

if (import.meta.main) {
  const root = resolve(process.argv[2] ?? join(dirname(import.meta.filename), '..'))
  const { errors, warnings, files } = checkLayers(root)
  for (const { file, message } of warnings) console.log(`warning  ${file}  ${message}`)
  for (const { rule, file, line, message } of errors) {
    console.log(`${rule.padEnd(11)}  ${relative('', join(root, file))}:${line}  ${message}`)
  }
  console.log(`layers: ${files} files, ${errors.length} errors, ${warnings.length} warnings`)
  process.exitCode = errors.length > 0 ? 1 : 0
}
