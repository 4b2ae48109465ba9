"""Statements as at a prompt: what the last line gives is printed, Livy's magics, and a small `spark` over the bound data.

    %json name      the value as JSON                %table name     rows (dicts or lists) as a table
    %matplot plt    the figures that are open
    spark.sql("SELECT ...")     answered by the island: collect, take, show, count, limit, where, selectExpr, toJSON, toPandas, columns
    archipel.df("name")         the dataset in this form, as on an island with Spark
"""
import ast
import datetime
import decimal
import json
import random
import sys

import archipel
import values

TABLE = "application/vnd.livy.table.v1+json"
MOST = 100_000


class UnknownMagic(archipel.ArchipelError):
    """A line that begins with % and a name that means nothing."""


class AnalysisException(archipel.ArchipelError):
    """What the island says of a query."""


class SparkMissing(archipel.ArchipelError, AttributeError):
    """Something of Spark that is not here."""


class Prompt:
    def __init__(self, evaluate, names):
        self.evaluate = evaluate
        self.names = names

    def show(self, value, results):
        image = values.figure_bytes(value)
        if image is None:
            sys.stdout.write(repr(value) + "\n")
            return
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and hasattr(value, "savefig"):
            pyplot.close(value)
        results.figure(image)

    def run(self, code, results):
        if not any(line.startswith("%") for line in code.split("\n")) or is_python(code):
            return self.evaluate(code)
        value, plain = None, []
        for line in code.split("\n") + [None]:
            magic = line is not None and line.startswith("%")
            if magic or line is None:
                # Of several values the last one counts, as in Livy.
                value = self.evaluate("\n".join(plain)) if "".join(plain).strip() else None
                plain = []
            if magic:
                self.magic(line, results)
            elif line is not None:
                plain.append(line)
        return value

    def magic(self, line, results):
        name, _, rest = line[1:].strip().partition(" ")
        if name not in ("json", "table", "matplot"):
            raise UnknownMagic("unknown magic command '%s'" % name)
        if name == "matplot":
            return
        value = eval(compile(rest.strip() or "None", "<program>", "eval"), self.names)
        if name == "json":
            made = values.cell(value)
            return results.item(results.named("value", ".json"), "application/json", dumps(made))
        results.item(results.named("magic", ".json"), TABLE, dumps(table(value)))


def is_python(code):
    try:
        ast.parse(code)
        return True
    except SyntaxError:
        return False


def dumps(value):
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")


TYPES = (
    (bool, "BOOLEAN_"), (int, "INT_"), (float, "DOUBLE_"), (str, "STRING_"), (decimal.Decimal, "DECIMAL_"),
    (datetime.datetime, "TIMESTAMP_"), (datetime.date, "DATE_"), ((list, tuple), "ARRAY_"), (dict, "MAP_TYPE"),
)


def type_of(column):
    for value in column:
        if value is not None:
            return next((name for kind, name in TYPES if isinstance(value, kind)), "STRING_")
    return "NULL_"


def table(rows):
    """Rows as Livy shows them; a data frame is rows, too."""
    made = values.as_table(rows)
    if made is not None and not isinstance(rows, list):
        names, data = [c["name"] for c in made.columns], list(made.rows)
    else:
        rows = [row if isinstance(row, (dict, list, tuple)) else [row] for row in (rows if isinstance(rows, (list, tuple)) else [rows])]
        keyed = [row if isinstance(row, dict) else {str(i): v for i, v in enumerate(row)} for row in rows]
        names = list(dict.fromkeys(k for row in keyed for k in row))
        data = [[row.get(n) for n in names] for row in keyed]
    headers = [{"name": str(n), "type": type_of(row[i] for row in data)} for i, n in enumerate(names)]
    return {"headers": headers, "data": [[values.cell(v) for v in row] for row in data]}


class Row(tuple):
    """Values of one row, by place, by name and as attributes."""

    def __new__(cls, names, cells):
        made = super().__new__(cls, cells)
        made.__fields__ = names
        return made

    def __getattr__(self, name):
        try:
            return self[self.__dict__["__fields__"].index(name)]
        except (KeyError, ValueError):
            raise AttributeError(name) from None

    def __getitem__(self, key):
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in self.__fields__:
            raise KeyError(key)
        return super().__getitem__(self.__fields__.index(key))

    def asDict(self):
        return dict(zip(self.__fields__, self))

    def __repr__(self):
        return "Row(%s)" % ", ".join("%s=%r" % pair for pair in zip(self.__fields__, self))


class Texts:
    """What `toJSON` gives: one text a row."""

    def __init__(self, frame, fraction=1.0):
        self.frame = frame
        self.fraction = fraction

    def sample(self, *args, **named):
        """As of an RDD: withReplacement, fraction, seed."""
        given = [a for a in args if not isinstance(a, bool)]
        return Texts(self.frame, float(named.get("fraction", given[0] if given else 1.0)))

    def take(self, count):
        rows = self.frame.take(count if self.fraction >= 1 else MOST)
        if self.fraction < 1:
            rows = [row for row in rows if random.random() < self.fraction][: max(0, int(count))]
        names = self.frame.columns
        return [json.dumps({n: v for n, v in zip(names, row) if v is not None}, ensure_ascii=False) for row in rows]

    def collect(self):
        return self.take(MOST)


class Frame:
    """The rows that a query gives, asked for when they are needed."""

    def __init__(self, ask, query):
        self._ask = ask
        self._query = query
        self._known = None

    def _fetch(self, most):
        if self._known is None or (self._known["truncated"] and len(self._known["rows"]) < most):
            answer = self._ask(**{"is": "query", "sql": self._query, "maxRows": most})
            if "message" in answer:
                raise AnalysisException(answer["message"])
            self._known = answer
        return self._known

    @property
    def columns(self):
        return [c["name"] for c in self._fetch(1)["columns"]]

    @property
    def dtypes(self):
        return [(c["name"], c["type"]) for c in self._fetch(1)["columns"]]

    def take(self, count):
        answer = self._fetch(min(max(0, int(count)), MOST))
        names = [c["name"] for c in answer["columns"]]
        return [Row(names, row) for row in answer["rows"][: max(0, int(count))]]

    def collect(self):
        return self.take(MOST)

    def head(self, n=None):
        return self.first() if n is None else self.take(n)

    def first(self):
        return next(iter(self.take(1)), None)

    def _over(self, what, rest=""):
        return Frame(self._ask, "SELECT %s FROM (%s) %s" % (what, self._query.strip().rstrip(";"), rest))

    def count(self):
        return self._over("count(*) AS n").take(1)[0][0]

    def limit(self, count):
        return self._over("*", "LIMIT %d" % int(count))

    def where(self, condition):
        return self._over("*", "WHERE %s" % condition)

    filter = where

    def selectExpr(self, *what):
        return self._over(", ".join(what))

    def toJSON(self, use_unicode=True):
        return Texts(self)

    def toPandas(self):
        import pandas

        return pandas.DataFrame([tuple(row) for row in self.collect()], columns=self.columns)

    def show(self, n=20, truncate=True):
        rows, more = self.take(n + 1), False
        if len(rows) > n:
            rows, more = rows[:n], True
        widest = 20 if truncate is True else (int(truncate) or None)
        texts = [[short("NULL" if v is None else str(v), widest) for v in row] for row in rows]
        names = self.columns
        widths = [max([3, len(n)] + [len(row[i]) for row in texts]) for i, n in enumerate(names)]
        rule = "+%s+" % "+".join("-" * w for w in widths)
        line = lambda cells: "|%s|" % "|".join(c.rjust(w) for c, w in zip(cells, widths))  # noqa: E731
        print("\n".join([rule, line(names), rule] + [line(row) for row in texts] + ([rule] if texts else [])))
        if more:
            print("only showing top %d row%s" % (n, "" if n == 1 else "s"))

    def __getattr__(self, name):
        raise SparkMissing("this island has no Spark: %s of a data frame is not there; toPandas() and SQL are" % name)

    def __repr__(self):
        return "DataFrame[%s]" % ", ".join("%s: %s" % pair for pair in self.dtypes)


def short(text, widest):
    return text if widest is None or len(text) <= widest else text[: max(0, widest - 3)] + "..."


class Session:
    """The little of a Spark session that works without Spark: queries over the data that are bound, by name."""

    version = "0 (archipel, without Spark)"

    def __init__(self, ask):
        self._ask = ask
        archipel.df = archipel.read = self.table

    def sql(self, query):
        return Frame(self._ask, str(query))

    def table(self, name):
        return self.sql('SELECT * FROM "%s"' % str(name).replace('"', '""'))

    def __getattr__(self, name):
        raise SparkMissing("this island has no Spark: spark.%s is not there; spark.sql() and spark.table() are, and archipel.table()" % name)

    def __repr__(self):
        return "<spark of archipel, without Spark: sql() and table() over bound data>"
