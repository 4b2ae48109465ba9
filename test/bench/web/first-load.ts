/** What a browser loads when it opens the page for the first time, and how long that takes. */
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { type BenchContext, type Figure, median } from '../bench.ts'
import { record, startBare } from './bare.ts'

const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Paths that the page names: scripts, styles, images; the page itself first. */
async function partsOf(url: string): Promise<string[]> {
  const response = await fetch(`${url}/`, { headers: { accept: 'text/html' } })
  const type = response.headers.get('content-type') ?? ''
  const text = await response.text()
  if (!response.ok || !type.startsWith('text/html')) return []
  const named = [...text.matchAll(/\b(?:src|href)="(\/[^"#?]*)"/g)].map((match) => match[1]!)
  return ['/', ...new Set(named)]
}

export async function firstLoad(context: BenchContext, url: string): Promise<Figure[]> {
  const client = await sizes(url, ['/client.js'])
  const figures: Figure[] = [
    { what: 'client library, compressed', value: client.sent / 1000, unit: 'KB' },
    { what: 'client library', value: client.plain / 1000, unit: 'KB' },
  ]
  const parts = await partsOf(url)
  if (parts.length === 0) return figures
  const page = await sizes(url, parts)
  figures.push(
    { what: `page and its ${parts.length - 1} parts, compressed`, value: page.sent / 1000, unit: 'KB' },
    { what: `page and its ${parts.length - 1} parts`, value: page.plain / 1000, unit: 'KB' },
  )
  const executablePath = CHROMIUM.find((path) => path !== undefined && existsSync(path))
  if (executablePath === undefined) return figures
  const bare = await startBare(context, await Promise.all(parts.map((path) => record(url, path, {}))))
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  try {
    const visit = async (at: string) => {
      const fresh = await browser.newContext()
      const tab = await fresh.newPage()
      const started = performance.now()
      await tab.goto(`${at}/`, { waitUntil: 'load' })
      const ms = performance.now() - started
      await fresh.close()
      return ms
    }
    const own: number[] = []
    const plain: number[] = []
    // The first visit starts processes of the browser.
    await visit(bare.url)
    for (let i = 0; i < Math.min(10, context.scale.runs); i++) {
      own.push(await visit(url))
      plain.push(await visit(bare.url))
    }
    const value = median(plain)
    figures.push({
      what: 'first load in Chromium, median',
      value: median(own),
      unit: 'ms',
      baseline: { what: 'bare Hono, same bytes', value, unit: 'ms', ratio: median(own) / value },
    })
  } finally {
    await browser.close()
  }
  return figures
}

async function sizes(url: string, paths: string[]): Promise<{ sent: number; plain: number }> {
  let sent = 0
  let plain = 0
  for (const path of paths) {
    const response = await fetch(url + path, { headers: { 'accept-encoding': 'gzip' } })
    if (!response.ok) throw new Error(`${path}: ${response.status}`)
    const { byteLength } = await response.arrayBuffer()
    plain += byteLength
    sent += Number(response.headers.get('content-length') ?? byteLength)
  }
  return { sent, plain }
}
