"""What a program sees of the island that runs it.

    archipel.datasets           ids of the data that were bound to this task
    archipel.path("<id>")       its file, or the list of its files when there are several
    archipel.paths("<id>")      always the list
    archipel.table("<id>")      a pandas DataFrame (an astropy Table for FITS)
    archipel.params             the parameters, a dict
    archipel.result(value)      makes a value part of the result; the value of a last expression is one by itself
    archipel.output("name")     a path: what is written there becomes a file of the result
    archipel.progress(0.5)      how far the program is, 0 to 1
"""
import os as _os

datasets = []
params = {}

_by_name = {}
_out_dir = None
_send_result = None
_send_progress = None


class ArchipelError(Exception):
    """Something asked of the island that it does not have."""


def _bind(request, out_dir, send_result, send_progress):
    global _out_dir, _send_result, _send_progress
    _out_dir, _send_result, _send_progress = out_dir, send_result, send_progress
    for dataset in request["datasets"]:
        datasets.append(dataset["id"])
        for name in [dataset["id"]] + dataset["names"]:
            _by_name[name.lower()] = dataset
    params.update(request["params"])


def _dataset(name):
    try:
        return _by_name[str(name).lower()]
    except KeyError:
        known = ", ".join(sorted({d["names"][0] if d["names"] else d["id"] for d in _by_name.values()})) or "none"
        raise ArchipelError("no dataset %r is bound to this task; those that are: %s" % (name, known)) from None


def paths(name):
    """The files of a dataset, read-only."""
    return list(_dataset(name)["paths"])


def path(name):
    """The file of a dataset, or the list of its files when there are several."""
    files = paths(name)
    return files[0] if len(files) == 1 else files


def output(name):
    """A path inside the program's scratch space; what is written there becomes a file of the result."""
    relative = _os.path.normpath(str(name))
    if _os.path.isabs(relative) or relative.split(_os.sep)[0] in ("..", "."):
        raise ArchipelError("output() takes a plain relative name, not %r" % (name,))
    full = _os.path.join(_out_dir, relative)
    _os.makedirs(_os.path.dirname(full), exist_ok=True)
    return full


def result(value):
    """Adds a value to the result: a table, a figure, a dict or list, a text."""
    _send_result(value)


def progress(fraction):
    """Tells how far the program is, from 0 to 1."""
    _send_progress(float(fraction))


def _needs(what, install):
    raise ArchipelError("table() needs %s, which this island's Python does not have: install %s there, or read the file of path() yourself" % (what, install))


def table(name):
    """The whole dataset as a data frame. Needs pandas (Parquet: and pyarrow), or DuckDB and pandas; astropy for FITS."""
    dataset = _dataset(name)
    files, kind = dataset["paths"], dataset["format"]
    if kind == "files":
        raise ArchipelError("%r holds files, not a table: use path()" % (name,))
    if kind == "fits":
        return _fits(files)
    try:
        import pandas
    except ImportError:
        _needs("pandas", "pandas" + (" and pyarrow" if kind == "parquet" else ""))
    if kind == "parquet":
        return _parquet(pandas, files)
    dialect = dataset.get("dialect") or {}
    compression = "gzip" if dialect.get("compression") == "gzip" else None
    if kind == "jsonl":
        frames = [pandas.read_json(f, lines=True, compression=compression) for f in files]
    else:
        header = dialect.get("header", True)
        options = {
            "sep": dialect.get("delimiter", ","),
            "header": 0 if header else None,
            "names": [c["name"] for c in dataset["columns"]] or None,
            "skiprows": dialect.get("skip", 0),
            "compression": compression,
        }
        if dialect.get("quote"):
            options["quotechar"] = dialect["quote"]
        else:
            options["quoting"] = 3
        frames = [pandas.read_csv(f, **options) for f in files]
    return frames[0] if len(frames) == 1 else pandas.concat(frames, ignore_index=True)


def _parquet(pandas, files):
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        try:
            import duckdb
        except ImportError:
            _needs("pyarrow or duckdb", "pyarrow")
        return duckdb.read_parquet(files).df()
    frames = [pandas.read_parquet(f) for f in files]
    return frames[0] if len(frames) == 1 else pandas.concat(frames, ignore_index=True)


def _fits(files):
    try:
        from astropy.table import Table, vstack
    except ImportError:
        _needs("astropy", "astropy")
    tables = [Table.read(f) for f in files]
    return tables[0] if len(tables) == 1 else vstack(tables)
