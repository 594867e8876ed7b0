"""The shape of the package: who may import whom, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TypeGuard

import pytest

import ctfy_rx

# Each line imports from the lines above it; in a room, nothing left of a slash imports from its right.
HOUSE = """
    errors program_log version
    text: printable suggestion / html
    sse catalogue
    decoding
    event status reconnect
    appearance ledger stats
    wording
    threads: coroutines process turns waiting / lead loops / consumers
    delivery: culprit receipts subscribers / buffer standstill / mailboxes repeats /
        handling slow_subscriber / queues / clock guard interests iterators last_item / guarded hub /
        cold status_feed
    connection: chunks content_coding either_httpx http_values route time_limits tls / redaction /
        client_maker direct_body request / answers bodies clients redirects /
        credentials failures steps / options rest / attempt / driver / loop_driver thread_driver / frames
    platform: asking effects questions / since / doorbell whole_log
    recording: compression lines progress table / reader writer / player recorder / recording
    operators: buffered parse rate retry share slips usual_words / of_event / where / alerts bloods by_name
        record solves / suspicion
    notebook: blame tally view / heat items picture race rate wall / cells painting terminal / live
    pipeline: asking ending kept lineage unheard / backlog fluent logbook / overseer workers /
        loop_workers thread_workers / stage / pipeline
    contest: admins eventual merge_alongside mine refreshing values / boards questions / bloods boxes
        directory / absence naming / streams
    stream: shared to_table / domain / iterated / stream / events history replay
    relay: broker intake messages public / in_flight pulling ring / journal / reading sending / publishing
        threads / consuming / sources / replaying / serving
    ctfy_rx
    demo: listeners server teams / actions state / access contest telling views / happenings /
        caller_routes pace standings verbs / contest_routes / app / running
    testing pytest_plugin
    cli: filters findings listening network own_words / public reached render retelling screen settings
        template vocabulary /
        instances relaying scoreboards verdicts webhook / actions checks values / options /
        doctor program watching / demo_contest recordings / commands / app
    __main__
"""


def floors(house: str) -> dict[str, tuple[int, int]]:
    """On which line a module stands, and between which slashes."""
    found: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(re.sub(r"\n {8,}", " ", house).strip().splitlines()):
        room, colon, inside = line.strip().rpartition(":")
        for group, names in enumerate(inside.split("/")):
            prefix = f"ctfy_rx.{room}." if colon else "ctfy_rx."
            found |= {prefix + name if name != "ctfy_rx" else name: (number, group) for name in names.split()}
        if colon:  # the room itself takes in what its modules give
            found[f"ctfy_rx.{room}"] = (number, len(inside))
    return found


FLOORS = floors(HOUSE)
PACKAGE = Path(ctfy_rx.__file__).parent
ROOT = Path(__file__).parents[1]
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


def place_of(module: str) -> str:
    """The module itself, or the part of a room that it belongs to."""
    while module not in FLOORS:
        module = module.rpartition(".")[0]
    return module


def test_every_module_has_its_place_and_no_place_is_empty():
    assert {module for module in MODULES if module.count(".") <= 2} - {"ctfy_rx.cli.__main__"} == set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_above(module):
    place = place_of(module)
    needed = {place_of(source) for source, _ in imported(module)} - {place}
    assert {source for source in needed if FLOORS[source] >= FLOORS[place]} == set()


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
    named = getattr(importlib.import_module(module), "__all__", ())
    assert len(set(named)) == len(named)
    assert functions <= set(named) <= functions | constants


@pytest.mark.parametrize("package", ["ctfy_rx", "ctfy_rx.operators"])
def test_all_of_what_people_import_is_the_namespace(package):
    module = importlib.import_module(package)
    namespace = {name: getattr(module, name) for name in {*vars(module), *module.__all__}}
    public = {name for name, value in namespace.items() if name[0] != "_" and not inspect.ismodule(value)}
    assert set(module.__all__) - {"operators"} == public


def test_what_the_package_loads_when_it_is_asked_for_is_what_type_checkers_are_told():
    [told] = filter(is_for_type_checkers, TREES["ctfy_rx"].body[:-1])
    imports = [node for node in told.body if isinstance(node, ast.ImportFrom) and node.module != "ctfy_rx"]
    homes = {node.module: {alias.name for alias in node.names} for node in imports}
    assert homes == {home: set(names.split()) for home, names in ctfy_rx._HOMES.items()}


@pytest.mark.parametrize(
    ("statement", "loads"),
    [
        ("import ctfy_rx", set()),
        ("import ctfy_rx.pytest_plugin", set()),
        ("from ctfy_rx import FrameDecoder", {"msgspec"}),
        ("from ctfy_rx import CtfyRxError", set()),
        ("from ctfy_rx import events", {"httpx", "msgspec", "reactivex"}),
    ],
)
def test_only_what_is_used_is_loaded(statement: str, loads: set[str]):
    heavy = {"httpx", "msgspec", "reactivex", "nats", "uvicorn", "IPython", "pandas"}
    program = f"import sys; {statement}; print(*{heavy!r}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loads


def test_the_modules_of_the_package_are_its_attributes_too():
    program = "import ctfy_rx; print(ctfy_rx.errors.__name__, ctfy_rx.catalogue.Payload.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ctfy_rx.errors", "Payload"]


def test_a_name_that_the_package_does_not_have_is_an_attribute_error():
    for name in ("evnts", "_errors"):
        with pytest.raises(AttributeError, match=f"module 'ctfy_rx' has no attribute '{name}'"):
            getattr(ctfy_rx, name)
    assert {*ctfy_rx.__all__, "__version__"} <= set(dir(ctfy_rx))


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


def test_contributing_names_every_place_in_the_order_of_the_house():
    table = re.findall(
        r"^\| (`.+?`) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    named = [name.rstrip("/") for row in table for name in re.findall(r"`(\S+)`", row)]
    places = {module.split(".")[1] if "." in module else module: None for module in FLOORS}
    assert sorted(named) == sorted(places)
    floors_of_the_names = [FLOORS[name if name == "ctfy_rx" else f"ctfy_rx.{name}"][0] for name in named]
    assert floors_of_the_names == sorted(floors_of_the_names)
