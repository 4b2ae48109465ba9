/** Opens a page in the browser of whoever sits at this machine. */
import { spawn } from 'node:child_process'

/** Milliseconds that the opener may take to say that it cannot; some stay as long as the browser. */
const DECIDES_MS = 3000

const OPENERS: Partial<Record<NodeJS.Platform, [command: string, ...args: string[]]>> = {
  linux: ['xdg-open'],
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** No shell reads the URL. @returns false where there is no screen or no opener, or it failed */
export async function openInBrowser(url: string, env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const opener = OPENERS[process.platform]
  if (opener === undefined || !/^https?:\/\//.test(url)) return false
  // Without a screen, xdg-open would start a browser for terminals, and wait.
  if (process.platform === 'linux' && !env.DISPLAY && !env.WAYLAND_DISPLAY) return false
  const [command, ...args] = opener
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true, env })
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, DECIDES_MS, true)
  child.once('error', () => resolve(false))
  child.once('exit', (code) => resolve(code === 0))
  const opened = await promise
  clearTimeout(timer)
  child.unref()
  return opened
}
