"""A real JupyterLab in a real Chromium: what a person sees of a notebook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import nbformat

from ..support.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
_NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"


class Lab:
    """A notebook that is open; cells are counted from 0."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def command(self, name: str, **options: Any) -> None:
        """What the menu does."""
        self.page.evaluate(
            "([name, options]) => { window.jupyterapp.commands.execute(name, options) }", [name, options]
        )

    def run(self, cell: int) -> None:
        """Run a cell, without waiting for it."""
        self.page.evaluate(
            """cell => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = cell;
                notebook.deselectAll();
                window.jupyterapp.commands.execute("notebook:run-cell");
            }""",
            cell,
        )

    def output(self, cell: int) -> str:
        """What is shown below a cell."""
        return str(
            self.page.evaluate(
                """cell => {
                    const area = window.jupyterapp.shell.currentWidget.content.widgets[cell].outputArea;
                    return area.node.innerText;
                }""",
                cell,
            )
        )

    def views(self, cell: int) -> int:
        """How many live views are below a cell."""
        return int(
            self.page.evaluate(
                """cell => {
                    const area = window.jupyterapp.shell.currentWidget.content.widgets[cell].outputArea;
                    return area.node.querySelectorAll(".ctfy-rx").length;
                }""",
                cell,
            )
        )

    def until_output(self, cell: int, text: str) -> str:
        """Wait until `text` stands below a cell; returns all that does."""
        deadline = time.monotonic() + PATIENCE
        while text not in (shown := self.output(cell)):
            assert time.monotonic() < deadline, f"cell {cell} shows no {text!r}: {shown}"
            self.page.wait_for_timeout(50)
        return shown

    def dark(self) -> None:
        """The dark theme."""
        self.command("apputils:change-theme", theme="JupyterLab Dark")
        self.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")


@contextmanager
def lab(home: Path, cells: list[str], *, size: tuple[int, int] = (1100, 1000)) -> Iterator[Lab]:
    """JupyterLab with a notebook of these cells, which have not run."""
    assert CHROMIUM.exists(), "there is no Chromium on this machine: apt-get install chromium"
    server, url = _server(home, cells)
    try:
        from playwright.sync_api import sync_playwright  # of the extra `slow`

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
            page = browser.new_page(viewport={"width": size[0], "height": size[1]})
            page.goto(f"{url}/lab/tree/cells.ipynb")
            page.wait_for_function(
                "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
                timeout=PATIENCE * 1000,
            )
            if page.is_visible("#jp-left-stack"):
                page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            yield Lab(page)
            browser.close()
    finally:
        server.terminate()
        server.wait()


def _server(home: Path, cells: list[str]) -> tuple[subprocess.Popen[bytes], str]:
    notebooks, settings = home / "notebooks", home / "settings"
    shutil.rmtree(notebooks, ignore_errors=True)
    notebooks.mkdir()
    book: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, notebooks / "cells.ipynb")  # type: ignore[no-untyped-call]
    (settings / _NEWS).parent.mkdir(parents=True, exist_ok=True)
    (settings / _NEWS).write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    options = ["--no-browser", "--allow-root", "--ServerApp.port=0", "--IdentityProvider.token="]
    options += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={notebooks}"]
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=log,
            stderr=log,
            env=os.environ | own | {"IPYTHONDIR": str(home / "ipython")},
        )
    return server, _address(server, home)


def _address(server: subprocess.Popen[bytes], home: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for told in (home / "runtime").glob("jpserver-*.json"):
            if told.read_text():
                url = json.loads(told.read_text())["url"].rstrip("/")
                if httpx.get(f"{url}/api/status").is_success:
                    return str(url)
        time.sleep(0.1)
    server.kill()
    raise RuntimeError(f"JupyterLab did not start: {(home / 'lab.log').read_text()[-2000:]}")
