"""Runs a program's statements for the island: requests come over one named pipe, results go over another.

A frame is a 4-byte big-endian length, one byte that tells its kind (J: JSON, B: bytes), and that many bytes less one.
What the program prints goes to standard output and error as it is.
"""
import ast
import errno
import itertools
import json
import linecache
import mimetypes
import os
import signal
import site
import struct
import sys
import traceback
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import archipel  # noqa: E402
import values  # noqa: E402

BATCH_BYTES = 256 * 1024
CHUNK_BYTES = 64 * 1024
MAX_ROW_BYTES = 3 * 1024 * 1024
TRACEBACK_LINES = 20
FILE = "<program>"


class TooLarge(Exception):
    pass


class Channel:
    def __init__(self, directory):
        self.requests = open(os.path.join(directory, "in"), "rb")
        self.replies = os.open(os.path.join(directory, "out"), os.O_WRONLY)
        self.writing = self.interrupt = False

    def read(self):
        head = self.requests.read(5)
        if len(head) < 5:
            return None
        size, kind = struct.unpack(">Ic", head)
        body = self.requests.read(size - 1)
        return body if kind == b"B" else json.loads(body.decode("utf-8"))

    def put(self, kind, body):
        view = memoryview(struct.pack(">Ic", len(body) + 1, kind) + body)
        while len(view) > 0:
            view = view[os.write(self.replies, view) :]

    def write(self, kind, body):
        """Whole frames only: an interrupt waits for the end of one."""
        self.writing = True
        self.put(kind, body)
        self.rest()

    def rest(self):
        self.writing = False
        if self.interrupt:
            self.interrupt = False
            raise KeyboardInterrupt

    def ask(self, **message):
        """A question to the island, and its answer; an interrupt waits for that."""
        self.writing = True
        self.put(b"J", json.dumps(message, allow_nan=False).encode("ascii"))
        answer = self.read()
        self.rest()
        return answer

    def send(self, **message):
        self.write(b"J", json.dumps(message, allow_nan=False).encode("ascii"))


class Results:
    """What one statement gives, sent as it comes."""

    def __init__(self, channel, request):
        self.channel = channel
        self.max_rows = request["maxRows"]
        self.max_bytes = request["maxBytes"]
        self.bytes = 0
        self.counts = {}

    def number(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what]

    def named(self, stem, ending):
        n = self.number(stem)
        return stem + ("" if n == 1 else "-%d" % n) + ending

    def add(self, value):
        table = values.as_table(value)
        if table is not None:
            if self.number("table") == 1:
                return self.table(table)
            return self.item("table-%d.csv" % self.counts["table"], "text/csv", values.as_csv(table))
        image = values.figure_bytes(value)
        if image is not None:
            pyplot = sys.modules.get("matplotlib.pyplot")
            if pyplot is not None and hasattr(value, "savefig"):
                pyplot.close(value)
            return self.figure(image)
        if isinstance(value, str):
            return self.item(self.named("text", ".txt"), "text/plain", value.encode("utf-8", "replace"))
        if isinstance(value, (bytes, bytearray)):
            return self.item(self.named("value", ".bin"), "application/octet-stream", bytes(value))
        if values.is_json(value):
            text = json.dumps(values.cell(value), allow_nan=False, ensure_ascii=False)
            return self.item(self.named("value", ".json"), "application/json", text.encode("utf-8", "replace"))
        return self.item(self.named("text", ".txt"), "text/plain", repr(value).encode("utf-8", "replace"))

    def table(self, table):
        self.channel.send(**{"is": "table", "columns": table.columns})
        rows, left = iter(table.rows), self.max_rows
        while True:
            batch = list(itertools.islice(rows, min(values.BATCH_ROWS, left)))
            if not batch:
                break
            left -= len(batch)
            text = json.dumps(batch, allow_nan=False, separators=(",", ":"))[1:-1]
            if len(text) <= BATCH_BYTES and self.bytes + len(text) <= self.max_bytes:
                self.rows(text)
            elif not self.one_by_one(batch):
                return self.channel.send(**{"is": "cut"})
        if left == 0 and next(rows, None) is not None:
            self.channel.send(**{"is": "cut"})

    def one_by_one(self, batch):
        """Long rows, or the last that fit. False when one did not."""
        part, size = [], 0
        for row in batch:
            text = json.dumps(row, allow_nan=False, separators=(",", ":"))
            if len(text) > MAX_ROW_BYTES:
                raise TooLarge("a row of the result has more than %d bytes" % MAX_ROW_BYTES)
            fits = self.bytes + size + len(text) + 1 <= self.max_bytes
            if part and (not fits or size + len(text) > BATCH_BYTES):
                self.rows(",".join(part))
                part, size = [], 0
            if not fits:
                return False
            part.append(text)
            size += len(text) + 1
        if part:
            self.rows(",".join(part))
        return True

    def rows(self, text):
        self.bytes += len(text) + 1
        self.channel.write(b"J", ('{"is":"rows","rows":[%s]}' % text).encode("ascii"))

    def figure(self, data):
        self.item("figure-%d.png" % self.number("figure"), "image/png", data)

    def item(self, name, media_type, data):
        self.channel.send(**{"is": "item", "name": name, "mediaType": media_type, "bytes": len(data)})
        for start in range(0, len(data), CHUNK_BYTES):
            self.channel.write(b"B", bytes(data[start : start + CHUNK_BYTES]))

    def file(self, name, path):
        with open(path, "rb") as source:
            size = os.fstat(source.fileno()).st_size
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            self.channel.send(**{"is": "item", "name": name, "mediaType": media_type, "bytes": size})
            while size > 0:
                data = source.read(min(CHUNK_BYTES, size))
                if not data:
                    raise archipel.ArchipelError("%s became shorter while it was read" % name)
                self.channel.write(b"B", data)
                size -= len(data)

    def files(self, directory):
        for folder, folders, names in os.walk(directory):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    self.file(os.path.relpath(path, directory).replace(os.sep, "/"), path)
                os.remove(path)


class Driver:
    def __init__(self, directory, work):
        self.channel = Channel(directory)
        self.out = os.path.join(work, "out")
        self.results = None
        self.prompt = None
        self.running = False
        self.pid = os.getpid()
        self.main = types.ModuleType("__main__")
        # There without an import, too.
        self.main.archipel = archipel
        self.main.__dict__["__builtins__"] = __builtins__
        sys.modules["__main__"] = self.main
        sys.modules.pop("values", None)

    def interrupted(self, *_):
        if not self.running or os.getpid() != self.pid:
            return
        if self.channel.writing:
            self.channel.interrupt = True
        else:
            raise KeyboardInterrupt

    def result(self, value):
        if self.results is None or os.getpid() != self.pid:
            raise archipel.ArchipelError("result() belongs to a running statement of the program's own process")
        if self.prompt is None:
            self.results.add(value)
        else:
            self.prompt.show(value, self.results)

    def ask(self, **message):
        if not self.running or os.getpid() != self.pid:
            raise archipel.ArchipelError("the island answers a running statement of the program's own process")
        return self.channel.ask(**message)

    def progress(self, fraction):
        if os.getpid() == self.pid:
            self.channel.send(**{"is": "progress", "value": min(1.0, max(0.0, fraction))})

    def evaluate(self, code):
        tree = ast.parse(code, FILE, "exec")
        # At a prompt there are functions of earlier statements, whose lines these are not.
        if self.prompt is None:
            linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, FILE, "exec", dont_inherit=True), self.main.__dict__)
        if last is None:
            return None
        return eval(compile(ast.Expression(last.value), FILE, "eval", dont_inherit=True), self.main.__dict__)

    def run(self, request, code):
        self.results = Results(self.channel, request)
        self.running = True
        try:
            value = self.evaluate(code) if self.prompt is None else self.prompt.run(code, self.results)
            if os.getpid() != self.pid:
                os._exit(0)
            if value is not None:
                self.result(value)
            for image in values.open_figures():
                self.results.figure(image)
            if os.path.isdir(self.out):
                self.results.files(self.out)
            self.running = False
            reply = {"is": "done"}
        except BaseException as error:
            self.running = False
            if os.getpid() != self.pid:
                os._exit(1)
            reply = failure(error, self.prompt is not None)
        self.results = None
        self.channel.interrupt = False
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        self.channel.send(**reply)

    def serve(self):
        request = self.channel.read()
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
        archipel._bind(request, self.out, self.result, self.progress)
        if request.get("prompt"):
            import prompt

            self.prompt = prompt.Prompt(self.evaluate, self.main.__dict__)
            self.main.spark = prompt.Session(self.ask)
            sys.modules.pop("prompt", None)
            sys.modules.pop("values", None)
        signal.signal(signal.SIGINT, self.interrupted)
        self.channel.send(**{"is": "ready", "version": "%d.%d.%d" % sys.version_info[:3]})
        while True:
            request = self.channel.read()
            if request is None:
                os._exit(0)
            code = self.channel.read()
            self.run(request, code.decode("utf-8", "replace"))


def failure(error, at_prompt):
    if isinstance(error, SystemExit) and at_prompt:
        # The interpreter of a notebook goes on: the exit is an exception as any other.
        text = "SystemExit" if error.code is None else "SystemExit: %s" % (error.code,)
        return {"is": "failed", "code": "CODE_FAILED", "message": text}
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return {"is": "done"}
    if isinstance(error, KeyboardInterrupt):
        return {"is": "failed", "code": "CANCELLED", "message": "the program was interrupted"}
    if isinstance(error, SystemExit):
        text = "the program exited with %s" % (error.code,)
        return {"is": "failed", "code": "CODE_FAILED", "message": text}
    lines = own_traceback(error)
    try:
        sys.stderr.write("".join(lines))
    except (OSError, ValueError):
        pass
    code = "CODE_FAILED"
    seen = set()
    cause = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, MemoryError):
            code = "MEMORY_LIMIT"
        elif isinstance(cause, TooLarge):
            code = "RESULT_LIMIT"
        elif isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            code = "DISK_LIMIT"
        cause = cause.__cause__ or cause.__context__
    text = "".join(lines).rstrip()
    if text.count("\n") >= TRACEBACK_LINES:
        text = "\n".join(["..."] + text.split("\n")[-TRACEBACK_LINES:])
    return {"is": "failed", "code": code, "message": text}


def own_traceback(error):
    """The traceback without the driver's own frames."""
    own = os.path.dirname(os.path.abspath(__file__))
    # One of the parser has no frame of the program yet.
    trace = None if isinstance(error, SyntaxError) and error.filename == FILE else error.__traceback__
    while trace is not None and os.path.dirname(os.path.abspath(trace.tb_frame.f_code.co_filename)) == own:
        trace = trace.tb_next
    try:
        if isinstance(error, (archipel.ArchipelError, TooLarge)):
            frames = [f for f in traceback.extract_tb(trace) if os.path.dirname(os.path.abspath(f.filename)) != own]
            head = ["Traceback (most recent call last):\n"] if frames else []
            return head + traceback.format_list(frames) + ["%s: %s\n" % (type(error).__name__, error)]
        return traceback.format_exception(type(error), error, trace)
    except BaseException:
        return ["%s\n" % type(error).__name__]


if __name__ == "__main__":
    for place in filter(None, os.environ.pop("ARCHIPEL_SITES", "").split(":")):
        site.addsitedir(place)
    Driver(sys.argv[1], sys.argv[2]).serve()
