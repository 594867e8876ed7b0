"""Coverage-guided fuzzing of the decoder and of the ledger, each against a model that shares no code with it.

    pip install atheris
    python scripts/fuzz.py decoder -runs=3000000
    python scripts/fuzz.py ledger -runs=50000 -max_len=2048 -len_control=0

What follows the first word is libFuzzer's. The decoder: any bytes, cut anywhere, give what the standard's
interpreter, read character by character, makes of the whole. The ledger: whatever happens to the log and to
the app, each row is given once and in order (the state machine of ``tests/ledger``, whose choices the fuzzer
makes).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LARGEST_RETRY = 10**300  # a longer one is no number for us


def decoder_test() -> Callable[[bytes], object]:
    """Compares one input with the reference."""
    sse = importlib.import_module("ctfy_rx.sse")
    reference = importlib.import_module("tests.support.reference_decoder")

    def test(data: bytes) -> None:
        step, stream = 1 + (data[0] if data else 0), data[1:]
        decoder = sse.FrameDecoder()
        frames: list[tuple[str, str, str]] = []
        for start in range(0, len(stream), step):
            given = decoder.feed(stream[start : start + step])
            frames += [(frame.event, frame.data, frame.id) for frame in given]
        expected = reference.interpretation(stream)
        assert frames == expected.frames
        assert decoder.last_event_id == expected.last_event_id
        if (expected.retry or 0) < LARGEST_RETRY:
            assert decoder.retry == expected.retry

    return test


def ledger_test() -> Callable[[bytes], object]:
    """Runs the state machine with the choices that an input makes."""
    stateful = importlib.import_module("hypothesis.stateful")
    hypothesis = importlib.import_module("hypothesis")
    machine = importlib.import_module("tests.ledger.test_against_the_model").ExactlyOnce
    checks = hypothesis.settings(
        deadline=None,
        database=None,
        stateful_step_count=60,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    fuzzed: Callable[[bytes], object] = stateful.get_state_machine_test(
        machine, settings=checks
    ).hypothesis.fuzz_one_input
    return fuzzed


def main() -> None:
    """Fuzz what the first argument names."""
    tests = {"decoder": decoder_test, "ledger": ledger_test}
    if len(sys.argv) < 2 or sys.argv[1] not in tests:  # noqa: PLR2004 - the program and the word
        sys.exit(f"say what to fuzz: {' or '.join(tests)}")
    sys.path.insert(0, str(ROOT))
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["ctfy_rx.sse", "ctfy_rx.ledger"]):
        test = tests[sys.argv.pop(1)]()
    atheris.Setup(sys.argv, test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
