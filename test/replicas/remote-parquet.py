"""`make <file>` writes a Parquet file of 60 row groups, about 30 MiB; `read <url> [<token>]` reads one column of one of them."""

import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 16 * 1024
GROUP = 30


def column():
    return pa.Array.from_buffers(pa.int64(), ROWS, [None, pa.py_buffer(os.urandom(8 * ROWS))])


def total(values):
    return sum(values.to_pylist()) % (1 << 53)


def make(path):
    names = ["a", "b", "c", "d"]
    schema = pa.schema([(name, pa.int64()) for name in names])
    with pq.ParquetWriter(path, schema, compression="NONE", use_dictionary=False) as writer:
        for group in range(60):
            columns = [column() for _ in names]
            if group == GROUP:
                sum_of_b = total(columns[1])
            writer.write_table(pa.table(columns, schema=schema))
    return {"sum": sum_of_b, "bytes": os.path.getsize(path)}


def read(url, token=None):
    import fsspec

    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    remote = fsspec.filesystem("http", client_kwargs={"headers": headers})
    with remote.open(url, block_size=256 * 1024) as file:
        parquet = pq.ParquetFile(file)
        values = parquet.read_row_group(GROUP, columns=["b"]).column("b")
        return {"sum": total(values), "rows": len(values), "groups": parquet.num_row_groups}


print(json.dumps({"make": make, "read": read}[sys.argv[1]](*sys.argv[2:])))
