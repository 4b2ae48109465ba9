"""Runs a notebook in the PySpark kernel of sparkmagic, as it stands, and prints the outputs of its cells as JSON."""
import json
import os
import sys

import nbclient
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from sparkmagic.kernels import pysparkkernel

KernelSpecManager().install_kernel_spec(os.path.dirname(pysparkkernel.__file__), "pysparkkernel", user=True)
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, kernel_name="pysparkkernel", timeout=300).execute()

cells = []
for cell in notebook.cells:
    if cell.cell_type != "code":
        continue
    texts = [out.get("text") or "".join(out.get("data", {}).get("text/plain", "")) for out in cell.outputs]
    cells.append({"id": cell.id, "text": "".join(texts), "html": any("text/html" in out.get("data", {}) for out in cell.outputs)})
json.dump(cells, sys.stdout)
