"""Run the notebooks from top to bottom and keep what they show.

    python scripts/run_notebooks.py [notebooks/01-first-stream.ipynb ...]

What belongs to this machine and this run is left out of the files: addresses with their ports, paths, times.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat

_format: Any = nbformat  # which are typed in part
_client: Any = nbclient

BOOKS = Path(__file__).parent.parent / "notebooks"
TIMEOUT = 120  # seconds for one cell
_OWN = (
    (re.compile(r"127\.0\.0\.1(?!:)"), "192.0.2.7"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:8100"),
    (re.compile(r"\S*/ipykernel_\d+/\d+\.py"), "cell"),
)


def run(path: Path) -> Any:
    """The notebook with its outputs; raises nbclient's error where a cell fails."""
    book = _format.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    _client.NotebookClient(book, timeout=TIMEOUT, resources=folder).execute()
    return book


def without_traces(book: Any) -> str:
    """The file, with nothing in it of the machine and the run."""
    for cell in book.cells:
        cell.metadata.pop("execution", None)
    book.metadata = {"kernelspec": book.metadata["kernelspec"], "language_info": {"name": "python"}}
    text = str(_format.writes(book))
    for pattern, instead in _OWN:
        text = pattern.sub(instead, text)
    return text.rstrip() + "\n"


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or sorted(BOOKS.glob("*.ipynb")):
        chosen.write_text(without_traces(run(chosen)))
        print(chosen.name)
