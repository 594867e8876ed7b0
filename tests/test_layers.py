"""The shape of the package: who may import whom, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TypeGuard

import pytest

import ctfy_rx

ROWS = """
    errors process
    redaction plain
    sse markup
    catalogue
    event
    sentences
    status reconnect ledger alarm buffer receipts lines progress table wording turns
    decoding chunks packing
    stats request tape reader
    answer transport network loop strand recorder
    rest drivers routes recording
    connection platform
    since player asking
    doorbell delivery reading
    environment workers hub gathering
    cold
    operators
    iterators stage
    fluent feed notebook
    pipeline
    contest
    stream
    events history replay
    relay
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
# Once, before any test has left a thread behind: Python 3.11 counts the depth of its parser for all threads
# together, and one that prints a traceback parses as well ("AST constructor recursion depth mismatch").
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}
INSIDE = ("ctfy_rx.cli.", "ctfy_rx.demo.")  # the parts of a program, which nobody else imports


def trees(module: str) -> Iterator[ast.AST]:
    """All of a module but what only type checkers read."""
    waiting: list[ast.AST] = [TREES[module]]
    while waiting:
        node = waiting.pop()
        yield node
        if not is_for_type_checkers(node):
            waiting.extend(ast.iter_child_nodes(node))


def is_for_type_checkers(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


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
    module = importlib.import_module(package)
    namespace = {name: getattr(module, name) for name in {*vars(module), *module.__all__}}
    public = {name for name, value in namespace.items() if name[0] != "_" and not inspect.ismodule(value)}
    assert set(module.__all__) - {"operators"} == public


def defined(module: str) -> tuple[set[str], set[str]]:
    """The functions and classes, and the constants, that are public by their names; a package has those of
    its parts that it takes in."""
    functions: set[str] = set()
    constants: set[str] = set()
    for node in TREES[module].body:
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
            case ast.If(body=body) if is_for_type_checkers(node):  # what is loaded when it is asked for
                constants |= {alias.name for each in body for alias in getattr(each, "names", ())}
    return {name for name in functions if name[0] != "_"}, constants


def test_every_public_name_is_documented():
    documented = (getattr(ctfy_rx, name) for name in ctfy_rx.__all__)
    assert not [item for item in documented if not inspect.getdoc(item)]
