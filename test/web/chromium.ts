/** A real browser for tests. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { requires, type TestContext } from '../kit/index.ts'

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export async function browser(t: TestContext): Promise<Browser> {
  const path = PATHS.find((p) => p !== undefined && existsSync(p))
  await requires('chromium', () => path, 'install it, or name it in CHROMIUM')
  // Without its sandbox, since tests may run as root in a container; all it loads is ours.
  const args = ['--no-sandbox', '--disable-dev-shm-usage']
  const started = await chromium.launch({ executablePath: path!, args })
  t.cleanup(() => started.close())
  return started
}

/** An empty page at this address, whoever answers there. */
export async function blankPage(started: Browser, url: string): Promise<Page> {
  const page = await started.newPage()
  await page.route(url, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>x</title>' }))
  await page.goto(url)
  await page.unroute(url)
  return page
}
