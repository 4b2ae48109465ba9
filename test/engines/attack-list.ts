import type { ErrorCode } from '../../src/protocols/model/errors.ts'

/** @SECRET@ is a file of the site, @DATA@ one of the session's, @PORT@ where a server of the site listens, @PID@ the daemon. */
export interface Attack {
  what: string
  code: string
  /** What may come of it; empty for a value that the test looks at. */
  codes?: ErrorCode[]
  /** The value that shows that nothing was got. */
  gives?: RegExp
  /** Needs the sandbox to be refused: without one the system lets an owner's program do what the owner may. */
  sandboxed?: boolean
}

const attempt = (body: string) => `
import os, socket, subprocess, sys, glob
def attempt():
${body
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
try:
    result = "GOT " + str(attempt())
except BaseException as e:
    result = "refused " + type(e).__name__
result`

export const PYTHON: Attack[] = [
  {
    what: 'reads the key of the island',
    code: attempt('return open("@SECRET@").read()'),
    gives: /^refused FileNotFound/,
    sandboxed: true,
  },
  {
    what: 'lists the machine',
    code: attempt(
      'return [p for p in os.listdir("/") if p in ("root", "home", "tmp", "var", "opt", "srv", "sys", "run")]',
    ),
    gives: /^GOT \[\]$/,
    sandboxed: true,
  },
  {
    what: 'reads the users of the machine',
    code: attempt('return open("/etc/passwd").read()'),
    gives: /^refused FileNotFound/,
    sandboxed: true,
  },
  {
    what: 'reads the environment of the daemon',
    code: attempt(
      'return sorted(k for k in os.environ if "ARCHIPEL" in k or "KEY" in k or "TOKEN" in k or k == "PWD_")',
    ),
    gives: /^GOT \[\]$/,
    sandboxed: true,
  },
  {
    what: 'reads /proc of others',
    code: attempt(
      'return [p for p in glob.glob("/proc/[0-9]*/environ")] + ([open("/proc/self/mountinfo").read()] if os.path.exists("/proc/self") else [])',
    ),
    gives: /^GOT \[\]$/,
    sandboxed: true,
  },
  {
    what: 'connects to a server of the site',
    code: attempt('return socket.create_connection(("127.0.0.1", @PORT@), 1)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'connects to the network',
    code: attempt('return socket.create_connection(("192.0.2.1", 80), 1)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'asks for a name of the network',
    code: attempt('return socket.getaddrinfo("example.org", 80)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'opens sockets that know no namespace',
    code: attempt('return socket.socket(40, socket.SOCK_STREAM)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'asks the kernel about the network',
    code: attempt('return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'makes a namespace of its own',
    code: attempt(
      'import ctypes\nif ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0: raise OSError(ctypes.get_errno())',
    ),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'mounts',
    code: attempt(
      'r = subprocess.run(["mount", "-t", "tmpfs", "none", "/work"], capture_output=True)\nif r.returncode != 0: raise OSError(r.returncode)',
    ),
    gives: /^refused/,
    sandboxed: true,
  },
  { what: 'writes to its data', code: attempt('open("@DATA@", "a").write("x")'), gives: /^refused/, sandboxed: true },
  { what: 'replaces its data', code: attempt('os.remove("@DATA@")'), gives: /^refused/, sandboxed: true },
  {
    what: 'changes the rights of its data',
    code: attempt('os.chmod("@DATA@", 0o777)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'writes into the program’s own folder',
    code: attempt('open("/app/driver/driver.py", "a").write("x")'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'writes outside its scratch',
    code: attempt(
      'done = []\nfor d in ("/", "/dev", "/usr", "/data", "/app", "/channel", "/etc", "/tmp", "/run"):\n    try:\n        open(d + "/x", "w").write("x"); done.append(d)\n    except OSError: pass\nreturn done',
    ),
    gives: /^GOT \[\]$/,
    sandboxed: true,
  },
  {
    what: 'kills its parent and the daemon',
    code: attempt(
      'import signal\ndone = []\nfor p in (os.getppid(), 1, @PID@):\n    try:\n        os.kill(p, signal.SIGKILL) if p != os.getpid() else None\n    except OSError: done.append(p)\nreturn "alive"',
    ),
    gives: /^GOT alive$/,
    sandboxed: true,
  },
  {
    what: 'kills all that it can',
    code: 'import os, signal\nos.kill(-1, signal.SIGKILL)\nimport time; time.sleep(60)',
    codes: ['CODE_FAILED', 'TIME_LIMIT'],
    sandboxed: true,
  },
  {
    what: 'forks for ever',
    code: 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass',
    codes: ['CODE_FAILED', 'TIME_LIMIT'],
  },
  {
    what: 'starts threads for ever',
    code: 'import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()',
    codes: ['CODE_FAILED', 'MEMORY_LIMIT', 'TIME_LIMIT'],
  },
  { what: 'fills the memory', code: 'x = []\nwhile True: x.append(b"x" * 50_000_000)', codes: ['MEMORY_LIMIT'] },
  { what: 'fills the memory at once', code: 'x = b"x" * (1 << 34)', codes: ['MEMORY_LIMIT'] },
  {
    what: 'fills the memory from several processes',
    code: 'import os\nfor i in range(8): os.fork() or [bytearray(1 << 20) for _ in iter(int, 1)]\nx = [bytearray(1 << 20) for _ in iter(int, 1)]',
    codes: ['MEMORY_LIMIT', 'CODE_FAILED'],
  },
  {
    what: 'fills memory that belongs to no process',
    code: attempt('import os\nfds = [os.memfd_create("x") for i in range(100)]'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'fills its scratch',
    code: 'with open("big", "wb") as f:\n    while True: f.write(b"x" * 1_000_000)',
    codes: ['DISK_LIMIT'],
  },
  {
    what: 'fills its scratch with many files',
    code: 'i = 0\nwhile True:\n    with open("f%d" % i, "wb") as f: f.write(b"x" * 1_000_000)\n    i += 1',
    codes: ['DISK_LIMIT'],
    sandboxed: true,
  },
  {
    what: 'makes files without end',
    code: 'i = 0\nwhile True:\n    open("f%d" % i, "w").close()\n    i += 1',
    codes: ['DISK_LIMIT', 'TIME_LIMIT'],
    sandboxed: true,
  },
  {
    what: 'fills shared memory',
    code: attempt('n = 0\nwith open("/dev/shm/x", "wb") as f:\n    while True: n += f.write(b"x" * 1_000_000)'),
    gives: /^refused OSError/,
    sandboxed: true,
  },
  { what: 'sleeps for ever', code: 'import time\ntime.sleep(1e6)', codes: ['TIME_LIMIT'] },
  {
    what: 'does not listen to interrupts',
    code: 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass',
    codes: ['TIME_LIMIT'],
  },
  {
    what: 'catches everything',
    code: 'while True:\n    try:\n        while True: pass\n    except BaseException: pass',
    codes: ['TIME_LIMIT'],
  },
  { what: 'prints without end', code: 'while True: print("x" * 1000)', codes: ['RESULT_LIMIT'] },
  {
    what: 'prints without end from a child',
    code: 'import subprocess\nsubprocess.run(["yes"])',
    codes: ['RESULT_LIMIT', 'TIME_LIMIT'],
  },
  { what: 'exits', code: 'import os\nos._exit(0)', codes: ['CODE_FAILED'] },
  { what: 'crashes', code: 'import ctypes\nctypes.string_at(0)', codes: ['CODE_FAILED'] },
  { what: 'aborts', code: 'import os\nos.abort()', codes: ['CODE_FAILED'] },
  {
    what: 'recurses without end',
    code: 'import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f() + 1\nf()',
    codes: ['CODE_FAILED', 'MEMORY_LIMIT', 'TIME_LIMIT'],
  },
  { what: 'returns a huge text', code: '"x" * 100_000_000', codes: ['RESULT_LIMIT'] },
  { what: 'returns a huge row', code: '[("x" * 3_500_000,)]', codes: ['RESULT_LIMIT'] },
  {
    what: 'leaves too many files',
    code: 'import archipel\nfor i in range(2000): open(archipel.output("f%d" % i), "w").close()',
    codes: ['RESULT_LIMIT'],
  },
  {
    what: 'writes nonsense to the driver’s pipe',
    code: 'import os\nfor fd in range(3, 64):\n    try: os.write(fd, b"\\xff" * 100)\n    except OSError: pass',
    codes: ['ENGINE_FAILED', 'TIME_LIMIT', 'CODE_FAILED'],
  },
  {
    what: 'answers in the driver’s name with rows of no table',
    code: forged('{"is":"rows","rows":[[1]]}'),
    codes: ['ENGINE_FAILED'],
  },
  {
    what: 'answers in the driver’s name with a path that leads out',
    code: forged('{"is":"item","name":"../../x","mediaType":"text/plain","bytes":1}'),
    codes: ['CODE_FAILED'],
  },
  {
    what: 'announces an item without end',
    code: forged('{"is":"item","name":"x","mediaType":"text/plain","bytes":99999999999}'),
    codes: ['RESULT_LIMIT'],
  },
  {
    what: 'announces a frame without end',
    code: 'import sys, struct\nd = sys.modules["archipel"]._send_result.__self__\nimport os\nos.write(d.channel.replies, struct.pack(">I", 0xfffffff0))\nimport time; time.sleep(60)',
    codes: ['ENGINE_FAILED'],
  },
  {
    what: 'sends deeply nested values',
    code: forged('" + "[" * 1_000_000 + "]" * 1_000_000 + "'),
    codes: ['ENGINE_FAILED'],
  },
]

/** A message in the driver's name, and time for it to be believed. `python` gives its text. */
function forgedBy(python: string): string {
  return `import archipel\nd = archipel._send_result.__self__\nd.channel.write(b"J", (${python}).encode())\nimport time; time.sleep(60)`
}

function forged(json: string): string {
  return forgedBy(JSON.stringify(json))
}

const rAttempt = (body: string) =>
  `tryCatch(paste("GOT", ${body}), error = function(e) "refused", warning = function(w) "refused")`

export const R: Attack[] = [
  { what: 'reads the key of the island', code: rAttempt('readLines("@SECRET@")'), gives: /^refused/, sandboxed: true },
  {
    what: 'lists the machine',
    code: rAttempt(
      'paste(c("", intersect(list.files("/"), c("root", "home", "tmp", "var", "opt", "run"))), collapse = " ")',
    ),
    gives: /^GOT ?$/,
    sandboxed: true,
  },
  {
    what: 'reads /proc of others',
    code: rAttempt('paste(c("", list.files("/proc", "^[0-9]+$")), collapse = " ")'),
    gives: /^GOT ?$/,
    sandboxed: true,
  },
  {
    what: 'connects to a server of the site',
    code: rAttempt('is.null(socketConnection("127.0.0.1", @PORT@, timeout = 1))'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'writes to its data',
    code: rAttempt('cat("x", file = "@DATA@", append = TRUE)'),
    gives: /^refused/,
    sandboxed: true,
  },
  {
    what: 'kills its parent and the daemon',
    code: 'tools::pskill(c(1, @PID@), 9L); "alive"',
    gives: /^alive$/,
    sandboxed: true,
  },
  { what: 'fills the memory', code: 'x <- list(); repeat x[[length(x) + 1]] <- rep(1, 2e6)', codes: ['MEMORY_LIMIT'] },
  {
    what: 'fills its scratch',
    code: 'con <- file("big", "wb"); repeat writeBin(raw(1e6), con)',
    codes: ['DISK_LIMIT', 'TIME_LIMIT', 'CODE_FAILED'],
  },
  { what: 'sleeps for ever', code: 'Sys.sleep(1e6)', codes: ['TIME_LIMIT'] },
  { what: 'prints without end', code: 'repeat cat(strrep("x", 1000), "\\n")', codes: ['RESULT_LIMIT'] },
  {
    what: 'forks for ever',
    code: 'repeat parallel::mcparallel(Sys.sleep(60), detached = TRUE)',
    codes: ['CODE_FAILED', 'MEMORY_LIMIT', 'TIME_LIMIT'],
  },
  {
    what: 'catches everything',
    code: 'repeat tryCatch(repeat {}, interrupt = function(e) NULL, error = function(e) NULL)',
    codes: ['TIME_LIMIT'],
  },
  { what: 'exits', code: 'base::quit("no")', codes: ['CODE_FAILED'] },
  { what: 'crashes', code: 'tools::pskill(Sys.getpid(), 11L); Sys.sleep(60)', codes: ['CODE_FAILED'] },
  { what: 'returns a huge text', code: 'strrep("x", 2e7)', codes: ['RESULT_LIMIT'] },
]

/** Starts children that outlive their parents, `sleep @NAP@` each. */
export const LEAVES = {
  python:
    'import subprocess, os\nfor i in range(3): subprocess.Popen(["sleep", "@NAP@"], start_new_session=True)\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.execvp("sleep", ["sleep", "@NAP@"])\n    os._exit(0)\n"left"',
  r: 'system("sleep @NAP@ &"); system("setsid sleep @NAP@ &"); "left"',
}
