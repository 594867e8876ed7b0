"""`docs/reliability.md` names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_the_page_names_is_there(file: str, test: str):
    code = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"\n(async )?def {test}\(" if test else r"\ndef test_|\ntest_\w+ =", code)


def test_each_promise_names_a_test():
    promises = [line for line in PAGE.splitlines() if line.startswith("| ") and "shown by" not in line]
    assert len(promises) > 20
    assert [line for line in promises if "`tests/" not in line] == []
