# Makes the data of this session known by name, in PySpark. Runs once, before the first statement; `_archipel_bound` is JSON.
def _archipel_prelude(bound, spark, sc):
    import sys
    import types

    class ArchipelError(Exception):
        """Something asked of the island that it does not have."""

    by_name = {}
    for entry in bound["datasets"]:
        for name in [entry["id"]] + entry["names"]:
            by_name[name.lower()] = entry

    def dataset(name):
        try:
            return by_name[str(name).lower()]
        except KeyError:
            known = ", ".join(sorted(e["names"][0] for e in bound["datasets"])) or "none"
            raise ArchipelError("no dataset %r is bound to this session; those that are: %s" % (name, known)) from None

    def paths(name):
        """The files of a dataset, as Spark reads them."""
        return list(dataset(name)["paths"])

    def path(name):
        """The file of a dataset, or the list of its files when there are several."""
        files = paths(name)
        return files[0] if len(files) == 1 else files

    def lines(file, skip):
        return sc.textFile(file).zipWithIndex().filter(lambda each: each[1] >= skip).keys()

    def read(name):
        """The dataset as a Spark DataFrame."""
        entry = dataset(name)
        if "format" not in entry:
            raise ArchipelError("%r holds files, not a table: use path()" % (name,))
        reader = spark.read.options(**entry["options"])
        if "schema" in entry:
            reader = reader.schema(entry["schema"])
        if entry["skip"] == 0:
            return reader.format(entry["format"]).load(entry["paths"])
        skip = entry["skip"] + (entry["options"].get("header") == "true")
        parts = [reader.option("header", "false").csv(lines(file, skip)) for file in entry["paths"]]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.union(part)
        return whole

    def table(name):
        """The whole dataset as a pandas DataFrame, where the driver has pandas."""
        return read(name).toPandas()

    module = types.ModuleType("archipel", "What code sees of the island that runs it.")
    module.ArchipelError = ArchipelError
    module.datasets = [entry["id"] for entry in bound["datasets"]]
    module.params = bound["params"]
    module.paths, module.path, module.read, module.df, module.table = paths, path, read, read, table
    sys.modules["archipel"] = module
    for entry in bound["datasets"]:
        if "format" not in entry:
            continue
        frame = read(entry["id"])
        for name in entry["names"]:
            frame.createOrReplaceTempView("`%s`" % name.replace("`", "``"))
    return module

import base64 as _archipel_base64, json as _archipel_json
archipel = _archipel_prelude(_archipel_json.loads(_archipel_base64.b64decode("@BOUND@").decode("utf-8")), spark, sc)
del _archipel_base64, _archipel_json, _archipel_prelude
