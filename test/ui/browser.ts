/** A real browser on the page of a real island, and what it must never do there. */
import { existsSync } from 'node:fs'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { requires } from '../kit/index.ts'
import type { Fleet, FleetIsland } from '../network/fleet.ts'

const CHROMIUM = process.env.ARCHIPEL_TEST_CHROMIUM ?? '/usr/bin/chromium'

export async function needsChromium(): Promise<void> {
  await requires(
    'Chromium',
    () => existsSync(CHROMIUM),
    'install it (apt-get install chromium), or name one in ARCHIPEL_TEST_CHROMIUM',
  )
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** The link that `archipel open` prints. */
export async function signInLink(fleet: Fleet, island: FleetIsland, scope = 'admin'): Promise<string> {
  return (await fleet.json<{ url: string }>(island, ['open', '--print', '--scope', scope])).url
}

export interface Visit {
  context: BrowserContext
  page: Page
  /** Errors of the console and of scripts, requests to others: there have to be none. */
  faults: string[]
  /** While true, refused and broken connections are no faults: the island is down. */
  islandIsDown: boolean
  /** Signs in by a fresh link, at `path`. */
  signIn(path?: string): Promise<void>
  goTo(path: string): Promise<void>
}

export async function visit(
  browser: Browser,
  fleet: Fleet,
  island: FleetIsland,
  options: { colorScheme?: 'light' | 'dark'; width?: number; height?: number; scale?: number } = {},
): Promise<Visit> {
  const { colorScheme = 'light', width = 1280, height = 800, scale } = options
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height },
    deviceScaleFactor: scale,
    acceptDownloads: true,
  })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const faults: string[] = []
  const home = new URL(await signInLink(fleet, island)).origin
  const made: Visit = {
    context,
    page,
    faults,
    islandIsDown: false,
    async signIn(path = '/') {
      const { hash } = new URL(await signInLink(fleet, island))
      await page.goto(`${home}${path}${hash}`)
      await page.getByRole('navigation', { name: 'Rooms' }).waitFor()
    },
    async goTo(path) {
      await page.goto(home + path)
    },
  }
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    if (made.islandIsDown && /net::ERR_/.test(message.text())) return
    faults.push(`console: ${message.text()} ${message.location().url}`)
  })
  page.on('pageerror', (error) => faults.push(`script: ${error.stack ?? error.message}`))
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.origin !== home && url.protocol !== 'data:' && url.protocol !== 'blob:') faults.push(`foreign: ${url}`)
  })
  return made
}

/** What axe finds, as lines; serious and critical only. */
export async function accessibility(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))
}

/** Pixels by which the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

export function assertClean({ faults }: Visit): void {
  assert.equal(faults, [])
}
