"""The shape of the package: who may import whom, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import ctfy_rx

ROWS = """
    errors
    redaction
    sse
    catalogue
    event
    status reconnect
    request
    answer transport loop
    drivers
    connection
    environment hub
    operators
    iterators
    fluent feed
    pipeline
    stream
    __init__
    demo testing
    pytest_plugin cli
"""  # each line imports from those above it

LAYERS = {name: number for number, row in enumerate(ROWS.split("\n")) for name in row.split()}
PACKAGE = Path(ctfy_rx.__file__).parent
MODULES = {
    ".".join(("ctfy_rx", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
INSIDE = ("ctfy_rx.cli.", "ctfy_rx.demo.")  # the parts of a program, which nobody else imports


def trees(module: str) -> Iterator[ast.AST]:
    """All of a module but what only type checkers read."""
    waiting: list[ast.AST] = [ast.parse(MODULES[module].read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        yield node
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting.extend(ast.iter_child_nodes(node))


def imported(module: str) -> Iterator[tuple[str, str]]:
    """The modules of ours that `module` imports, and the names that it takes from them."""
    for node in trees(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            for alias in node.names:
                source, whole = node.module or "", f"{node.module}.{alias.name}"
                if whole in MODULES:
                    yield whole, ""
                elif source in MODULES:
                    yield source, alias.name


def row_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_module_has_its_row():
    assert {row_of(module) for module in MODULES} == set(LAYERS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_the_rows_above(module):
    row = row_of(module)
    below = {
        source
        for source, _ in imported(module)
        if row_of(source) != row and LAYERS[row_of(source)] >= LAYERS[row]
    }
    assert not below


def test_no_imports_go_round_in_circles():
    # A package needs its parts, which is no import of theirs from it.
    graph = {module: {source for source, _ in imported(module)} - {module} for module in MODULES}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", MODULES)
def test_no_module_takes_private_names_of_another(module):
    private = [
        (source, name)
        for source, name in imported(module)
        if (name.startswith("_") and name != "__version__") or source.rpartition(".")[2].startswith("_")
    ]
    assert not private


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith(INSIDE)])
def test_all_names_the_public_functions_and_classes(module):
    """And, if it likes, some of its constants."""
    functions, constants = defined(module)
    named = importlib.import_module(module).__all__
    assert len(set(named)) == len(named)
    assert functions <= set(named) <= functions | constants


@pytest.mark.parametrize("package", ["ctfy_rx", "ctfy_rx.operators"])
def test_all_of_what_people_import_is_the_namespace(package):
    namespace = vars(importlib.import_module(package))
    public = {name for name, value in namespace.items() if name[0] != "_" and not inspect.ismodule(value)}
    assert set(namespace["__all__"]) - {"operators"} == public


def defined(module: str) -> tuple[set[str], set[str]]:
    """The functions and classes, and the constants, that are public by their names; a package has those of
    its parts that it takes in."""
    functions: set[str] = set()
    constants: set[str] = set()
    for node in ast.parse(MODULES[module].read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                functions.add(name)
            case ast.Assign(targets=targets):
                constants |= {each.id for each in targets if isinstance(each, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                constants.add(name)
            case ast.ImportFrom(module=source) if MODULES[module].stem == "__init__":
                taken_in = {alias.name for alias in node.names}
                (functions if f"{source}.".startswith(f"{module}.") else constants).update(taken_in)
    return {name for name in functions if name[0] != "_"}, constants


def test_every_public_name_is_documented():
    documented = (getattr(ctfy_rx, name) for name in ctfy_rx.__all__)
    assert not [item for item in documented if not inspect.getdoc(item)]
