"""Values of a program as a result: tables, JSON, text, images. Plain standard library; others are used when the program has imported them."""
import base64
import csv
import datetime
import decimal
import io
import itertools
import json
import math
import sys

BATCH_ROWS = 1000
SAFE_INTEGER = 2 ** 53 - 1


def cell(value):
    """JSON values only: what JSON or a double cannot hold exactly becomes text."""
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
    if kind is float:
        if math.isfinite(value):
            return value
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime.datetime):
        if value != value:  # NaT
            return None
        text = value.isoformat()
        return text[:-6] + "Z" if text.endswith("+00:00") else text
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return "PT%sS" % format(value.total_seconds(), "g")
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dict):
        return {str(k): cell(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [cell(v) for v in value]
    if isinstance(value, str):
        return cell(str.__str__(value))
    if isinstance(value, int):
        return cell(int(value))
    if isinstance(value, float):
        return cell(float(value))
    module = type(value).__module__.split(".")[0]
    if module == "numpy":
        if type(value).__name__ == "MaskedConstant":
            return None
        if type(value).__name__ in ("datetime64", "timedelta64"):
            return None if value != value else str(value)
        return cell(value.tolist())
    if module == "pandas" and type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)


class Table:
    """Columns as `{name, type, unit?, description?}` and an iterator of rows, each a list of cells."""

    def __init__(self, columns, rows):
        self.columns = columns
        self.rows = rows


def type_of(values):
    """The SQL type of a column by the values in it."""
    found = set()
    for value in values:
        if value is not None:
            found.add(type(value))
    if found <= {bool} and found:
        return "BOOLEAN"
    if found <= {int} and found:
        return "BIGINT"
    if found <= {int, float} and found:
        return "DOUBLE"
    if found and all(issubclass(t, datetime.datetime) for t in found):
        return "TIMESTAMP"
    if found and all(issubclass(t, datetime.date) for t in found):
        return "DATE"
    if found and found <= {dict, list, tuple}:
        return "JSON"
    return "VARCHAR"


NUMPY_TYPES = {"b": "BOOLEAN", "i": "BIGINT", "u": "UBIGINT", "f": "DOUBLE", "M": "TIMESTAMP", "m": "INTERVAL"}


def as_table(value):
    """The value as a table, or None when it is none."""
    kind = type(value)
    module, name = kind.__module__.split(".")[0], kind.__name__
    if module == "pandas" and name in ("DataFrame", "Series"):
        return pandas_table(value.to_frame() if name == "Series" else value)
    if module == "pyarrow" and name in ("Table", "RecordBatch"):
        return arrow_table(value)
    if module == "polars" and name in ("DataFrame", "Series", "LazyFrame"):
        if name == "LazyFrame":
            value = value.collect()
        if name == "Series":
            value = value.to_frame()
        columns = [{"name": n, "type": polars_type(t)} for n, t in zip(value.columns, value.dtypes)]
        return Table(columns, ([cell(v) for v in row] for row in value.iter_rows()))
    if module in ("duckdb", "_duckdb") and name == "DuckDBPyRelation":
        columns = [{"name": n, "type": str(t)} for n, t in zip(value.columns, value.types)]
        fetch = iter(lambda: value.fetchmany(BATCH_ROWS), [])
        return Table(columns, ([cell(v) for v in row] for rows in fetch for row in rows))
    if module == "astropy" and hasattr(value, "colnames"):
        return astropy_table(value)
    if module == "numpy" and name in ("ndarray", "recarray") and value.dtype.names and value.ndim == 1:
        columns = [{"name": n, "type": NUMPY_TYPES.get(value.dtype[n].kind, "VARCHAR")} for n in value.dtype.names]
        return Table(columns, ([cell(v) for v in row] for row in value.tolist()))
    if kind is list and value and all(type(v) is dict for v in value):
        names = list(dict.fromkeys(str(k) for row in value for k in row))
        texts = [{str(k): v for k, v in row.items()} for row in value]
        columns = [{"name": n, "type": type_of(row.get(n) for row in texts)} for n in names]
        return Table(columns, ([cell(row.get(n)) for n in names] for row in texts)) if names else None
    if kind is list and value and all(isinstance(v, tuple) for v in value) and len({len(v) for v in value}) == 1:
        fields = getattr(type(value[0]), "_fields", None)
        names = fields or ["column%d" % i for i in range(len(value[0]))]
        columns = [{"name": n, "type": type_of(row[i] for row in value)} for i, n in enumerate(names)]
        return Table(columns, ([cell(v) for v in row] for row in value)) if names else None
    return None


def pandas_table(frame):
    named = [n for n in frame.index.names if n is not None]
    if named:
        frame = frame.reset_index()
    pandas = sys.modules["pandas"]
    columns = []
    for i, name in enumerate(frame.columns):
        dtype = frame.dtypes.iloc[i]
        kind = NUMPY_TYPES.get(getattr(dtype, "kind", "O"))
        # `kind` of an extension type of text or categories is "O".
        if kind is None:
            kind = type_of(itertools.islice((v for v in frame.iloc[:, i] if v is not None and v == v), 1000))
        name = "_".join(str(p) for p in name if str(p) != "") if isinstance(name, tuple) else str(name)
        columns.append({"name": name, "type": kind})

    def values(column):
        kind = getattr(column.dtype, "kind", "O")
        if kind == "b" and not column.hasnans:
            return column.tolist()
        if kind == "i" and not column.hasnans:
            texts = column.tolist()
            if texts and max(map(abs, texts)) > SAFE_INTEGER:
                texts = [cell(v) for v in texts]
            return texts
        if kind == "f" and "numpy" in sys.modules and sys.modules["numpy"].isfinite(column.to_numpy(dtype="float64", na_value=math.nan)).all():
            return column.tolist()
        missing = pandas.isna(column).tolist()
        return [None if gone else cell(v) for v, gone in zip(column.tolist(), missing)]

    def rows():
        for start in range(0, len(frame), BATCH_ROWS):
            part = frame.iloc[start : start + BATCH_ROWS]
            if part.shape[1] == 0:
                return
            yield from map(list, zip(*[values(part.iloc[:, i]) for i in range(part.shape[1])]))

    return Table(columns, rows())


ARROW_TYPES = {
    "bool": "BOOLEAN", "float": "FLOAT", "double": "DOUBLE", "halffloat": "FLOAT", "string": "VARCHAR", "large_string": "VARCHAR",
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT", "uint8": "UTINYINT", "uint16": "USMALLINT",
    "uint32": "UINTEGER", "uint64": "UBIGINT", "date32[day]": "DATE", "binary": "BLOB", "large_binary": "BLOB",
}


def arrow_table(value):
    def sql(kind):
        text = str(kind)
        return ARROW_TYPES.get(text) or ("TIMESTAMP" if text.startswith("timestamp") else "VARCHAR")

    columns = []
    for field in value.schema:
        column = {"name": field.name, "type": sql(field.type)}
        metadata = {k.decode("utf-8", "replace").lower(): v.decode("utf-8", "replace") for k, v in (field.metadata or {}).items()}
        for key in ("unit", "ucd", "description"):
            if metadata.get(key):
                column[key] = metadata[key]
        columns.append(column)

    def rows():
        batches = value.to_batches(max_chunksize=BATCH_ROWS) if hasattr(value, "to_batches") else [value]
        for batch in batches:
            yield from map(list, zip(*[[cell(v) for v in column.to_pylist()] for column in batch.columns]))

    return Table(columns, rows())


def polars_type(dtype):
    text = str(dtype)
    known = {"Int64": "BIGINT", "Int32": "INTEGER", "Int16": "SMALLINT", "Int8": "TINYINT", "UInt64": "UBIGINT", "UInt32": "UINTEGER",
             "Float64": "DOUBLE", "Float32": "FLOAT", "Boolean": "BOOLEAN", "Date": "DATE"}
    return known.get(text) or ("TIMESTAMP" if text.startswith("Datetime") else "VARCHAR")


def astropy_table(value):
    columns = []
    for name in value.colnames:
        source = value[name]
        kind = getattr(getattr(source, "dtype", None), "kind", "O")
        column = {"name": str(name), "type": NUMPY_TYPES.get(kind, "VARCHAR")}
        info = getattr(source, "info", None)
        unit = getattr(source, "unit", None)
        if unit is not None and str(unit):
            column["unit"] = str(unit)
        if getattr(info, "description", None):
            column["description"] = str(info.description)
        ucd = (getattr(info, "meta", None) or {}).get("ucd")
        if ucd:
            column["ucd"] = str(ucd)
        columns.append(column)

    def rows():
        for start in range(0, len(value), BATCH_ROWS):
            part = value[start : start + BATCH_ROWS]
            lists = [getattr(part[n], "value", part[n]) for n in part.colnames]
            lists = [v.tolist() if hasattr(v, "tolist") else list(v) for v in lists]
            yield from map(list, zip(*[[cell(v) for v in column] for column in lists]))

    return Table(columns, rows())


def figure_bytes(value):
    """PNG of a matplotlib figure, or of anything that shows itself so in a notebook; None for the rest."""
    if type(value).__module__.startswith("matplotlib") and hasattr(value, "savefig"):
        buffer = io.BytesIO()
        value.savefig(buffer, format="png")
        return buffer.getvalue()
    if type(value).__module__.split(".")[0] not in ("builtins", "pandas", "numpy") and hasattr(value, "_repr_png_"):
        data = value._repr_png_()
        return bytes(data) if isinstance(data, (bytes, bytearray)) else None
    return None


def open_figures():
    """Closes what pyplot has open and gives it as PNG, in order."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        data = figure_bytes(pyplot.figure(number))
        pyplot.close(number)
        if data is not None:
            yield data


def as_csv(table):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(column["name"] for column in table.columns)
    for row in table.rows:
        writer.writerow("" if v is None else json.dumps(v) if isinstance(v, (dict, list)) else v for v in row)
    return text.getvalue().encode("utf-8", "replace")


def is_json(value):
    return isinstance(value, (dict, list, tuple, set, frozenset, int, float)) or (
        type(value).__module__.split(".")[0] == "numpy" and hasattr(value, "tolist")
    )
