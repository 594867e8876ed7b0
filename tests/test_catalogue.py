"""The catalogue against the installed platform package: its names, what it sends, what it stores."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from ctfy.core.enums import PlatformEvent
from ctfy.core.state.memory import InMemoryBackend
from ctfy.core.state.models import (
    ActivityState,
    CompetitionState,
    EvalRunState,
    LlmCallState,
    NodeHealthSample,
)
from ctfy.server import (
    awd_round_signal,
    eval_run_signal,
    events,
    llm_call_signal,
    membership_signal,
    meta_stats,
    node_status,
    report_signal,
    scoreboard_signal,
    team_signal,
)
from ctfy.server.event_payloads import EventPayload, MetaStatsPayload
from ctfy.server.models import MetaAgents, MetaLlm, MetaOps
from ctfy.server.models.achievement import AchievementCopy
from ctfy.server.routes import admin_announcements, admin_changelog, admin_competitions
from ctfy.server.sse import SSEHub

from ctfy_rx import catalogue
from ctfy_rx.catalogue import PAYLOADS, STORED, Payload
from ctfy_rx.sse import Frame, FrameDecoder

ROOT = Path(__file__).parents[1]
CAPTURES = sorted((Path(__file__).parent / "data").glob("*.sse"))
DECLARED = {cls.EVENT.value: cls for cls in EventPayload.__subclasses__()}

SIGNALS = {
    "scoreboard_updated": scoreboard_signal.emit_scoreboard_updated,
    "meta_stats": meta_stats.emit_meta_stats,
    "node_status": lambda app: node_status.emit_node_status(app, NodeHealthSample(node_id="n", ts=1.5)),
    "team_deleted": lambda app: team_signal.emit_team_deleted(app, team_id="t", team_name="Team"),
    "team_profile_updated": lambda app: team_signal.emit_team_profile_updated(app, team_id="t"),
    "team_membership_changed": lambda app: membership_signal.emit_membership_changed(
        app, previous_team_id="a", current_team_id="b"
    ),
    "awd_round_settled": lambda app: awd_round_signal.emit_awd_round_settled(
        app, CompetitionState(id="c"), 3
    ),
    "eval_run_changed": lambda app: eval_run_signal.emit_eval_run_changed(
        app, EvalRunState(id="r", competition_id="c", challenge_id="ch", created_by_user_id="admin")
    ),
    "llm_calls_updated": lambda app: llm_call_signal.emit_llm_calls_updated(
        app, [LlmCallState(id="call", instance_id="run", principal="agent")]
    ),
    "report_changed": lambda app: report_signal.emit_report_changed(
        app, team_id="t", competition_id="c", challenge_id="ch"
    ),
    **{
        f"announcement_{verb}": lambda app, verb=verb: admin_announcements._broadcast_announcement_event(
            app, PlatformEvent(f"announcement_{verb}"), "a"
        )
        for verb in ("created", "updated", "deleted")
    },
    **{
        f"competition_{verb}": lambda app, verb=verb: admin_competitions._broadcast_competition_event(
            app, PlatformEvent(f"competition_{verb}"), "c"
        )
        for verb in ("created", "updated", "deleted")
    },
    **{
        f"changelog_{verb}": lambda app, verb=verb: admin_changelog._broadcast_changelog_event(
            app, PlatformEvent(f"changelog_{verb}"), "e"
        )
        for verb in ("updated", "announced")
    },
}


class Platform:
    """The parts of the platform that write its log and send its frames; `client` is an admin on team t."""

    def __init__(self) -> None:
        self.state_backend = InMemoryBackend()
        self.state_backend.put_competition(CompetitionState(id="c", title="Contest"))
        self.state_backend.put_eval_run(
            EvalRunState(id="run", competition_id="c", created_by_user_id="admin")
        )
        self.instance_archive = None
        self.spec_reader = SimpleNamespace(iter_specs=list)

    def run(self, emit) -> tuple[list[Frame], list[ActivityState]]:
        """Give the frames that `emit` sends to the client, and the rows that it leaves in the log."""
        before = len(self.state_backend.list_activities(limit=1000))
        self.sse_hub = SSEHub()
        _, client = self.sse_hub.connect(team_ids=frozenset({"t"}), is_admin=True, user_id="admin")
        emit(self)
        wire = "".join(client.get_nowait() for _ in range(client.qsize()))
        rows = self.state_backend.list_activities(limit=1000)
        return FrameDecoder().feed(wire.encode()), rows[: len(rows) - before]


@pytest.fixture(scope="module")
def platform():
    return Platform()


def lost(frame: Frame) -> dict[str, object]:
    """Fields of a frame that its payload does not hold, or not as they were sent."""
    data = msgspec.json.decode(frame.data)
    kept = msgspec.to_builtins(msgspec.json.decode(frame.data, type=PAYLOADS[frame.event]))
    return {key: value for key, value in data.items() if kept.get(key) != value}


def sample(cls: type[EventPayload]) -> EventPayload:
    """An event with a telling value in each field."""
    values = {
        "str": "text", "int": 7, "float": 2.5, "bool": True, "bool | None": True, "list[str]": ["a", "b"],
    }  # fmt: skip
    filled = {}
    for field, info in cls.model_fields.items():
        kind = info.annotation.__name__ if type(info.annotation) is type else str(info.annotation)
        if kind in values:
            filled[field] = values[kind]
    if "localized" in cls.model_fields:
        filled["localized"] = {"fr": AchievementCopy(name="Nom", description="Texte")}
    if "competition_id" in cls.model_fields:
        filled["competition_id"] = "c"
    if "competition_title" in cls.model_fields:
        filled["competition_title"] = ""
    return cls(**filled | {"team_id": "t"})


def generate(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = root / "scripts" / "generate_catalogue.py"
    return subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path):
    """A copy of the script, its sources and the catalogue."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "ctfy_rx").mkdir()
    shutil.copy(ROOT / "ctfy_rx" / "catalogue.py", tmp_path / "ctfy_rx")
    return tmp_path


def test_the_catalogue_is_what_the_script_writes():
    result = generate(ROOT, "--check")
    assert (result.returncode, result.stderr) == (0, "")


def test_check_fails_on_an_edited_catalogue_and_leaves_it_alone(copied):
    file = copied / "ctfy_rx" / "catalogue.py"
    file.write_text("# edited\n")
    result = generate(copied, "--check")
    assert result.returncode == 1
    assert "run python scripts/generate_catalogue.py" in result.stderr
    assert file.read_text() == "# edited\n"


def test_renewing_from_the_same_platform_changes_nothing(copied):
    names = ["scripts/events.json", "ctfy_rx/catalogue.py"]
    assert generate(copied, "--from-platform").returncode == 0
    assert [(copied / name).read_text() for name in names] == [(ROOT / name).read_text() for name in names]


def test_a_new_event_is_generated_and_asks_for_its_description(copied):
    events_file = copied / "scripts" / "events.json"
    raw = msgspec.json.decode(events_file.read_bytes())
    raw["events"]["badge_lost"] = {"why": "str"}
    events_file.write_bytes(msgspec.json.encode(raw))
    result = generate(copied)
    assert "badge_lost is new" in result.stderr
    assert "class BadgeLost(Payload" in (copied / "ctfy_rx" / "catalogue.py").read_text()


def test_an_overlay_entry_for_an_event_that_is_gone_is_an_error(copied):
    events_file = copied / "scripts" / "events.json"
    raw = msgspec.json.decode(events_file.read_bytes())
    del raw["events"]["flag_part_correct"]
    events_file.write_bytes(msgspec.json.encode(raw))
    result = generate(copied)
    assert result.returncode == 1
    assert "no event flag_part_correct" in result.stderr


def test_the_names_are_the_platforms():
    assert list(PAYLOADS) == [event.value for event in PlatformEvent]


@pytest.mark.parametrize("name", DECLARED)
def test_a_payload_has_the_fields_that_the_platform_declares(name):
    """But for the title that it adds to contests' events, and one signal that sends other fields."""
    declared = DECLARED[name].model_fields.keys() - EventPayload.model_fields.keys()
    if name == "team_membership_changed":
        declared = declared - {"user_id", "joined_via"} | {"current_team_id"}
    elif "competition_id" in declared:
        declared |= {"competition_title"}
    assert set(PAYLOADS[name].__struct_fields__) - set(Payload.__struct_fields__) == declared


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (catalogue.AchievementCopy, AchievementCopy),
        (catalogue.MetaAgents, MetaAgents),
        (catalogue.MetaOps, MetaOps),
        (catalogue.MetaLlm, MetaLlm),
    ],
)
def test_a_nested_type_has_the_fields_of_the_platforms(ours, theirs):
    assert set(ours.__struct_fields__) == set(theirs.model_fields)


def test_the_counters_are_the_platforms():
    own = set(catalogue.MetaStats.__struct_fields__) - set(Payload.__struct_fields__)
    assert own == set(MetaStatsPayload.model_fields)


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_stored_event_writes_a_row_and_its_frame_decodes_without_loss(platform, name):
    def emit(app):
        events.emit_event(app, sample(DECLARED[name]), actor_id="id", actor_name="name", actor_type="system")

    frames, rows = platform.run(emit)
    frame = next(frame for frame in frames if frame.event == name)
    assert [row.event for row in rows] == [name]
    assert lost(frame) == {}
    assert msgspec.json.decode(frame.data, type=PAYLOADS[name]).actor_name == "name"


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_writes_no_row_and_its_frame_decodes_without_loss(platform, name):
    frames, rows = platform.run(SIGNALS[name])
    sent = [frame for frame in frames if frame.event == name]
    assert sent
    assert rows == []
    assert [lost(frame) for frame in sent] == [{}] * len(sent)


def test_a_name_is_stored_or_a_signal_or_never_sent():
    assert PAYLOADS.keys() == STORED | SIGNALS.keys() | {"flag_part_correct"}
    assert not STORED & SIGNALS.keys()


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_captured_frames_decode_without_loss(capture):
    frames = FrameDecoder().feed(capture.read_bytes())
    assert frames
    assert [lost(frame) for frame in frames] == [{}] * len(frames)


@pytest.mark.parametrize("cls", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_of_nothing_is_all_none(cls):
    payload = msgspec.json.decode(b"{}", type=cls)
    assert payload == cls()
    assert not any(getattr(payload, field) is not None for field in cls.__struct_fields__)


@pytest.mark.parametrize("cls", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_says_who_hears_it(cls):
    assert "Heard by " in cls.__doc__ or "Never sent." in cls.__doc__


def test_a_payload_knows_its_name_and_is_public():
    for name, cls in PAYLOADS.items():
        assert cls.event_name == name
        assert getattr(catalogue, cls.__name__) is cls
        assert cls.__name__ in catalogue.__all__
    assert len(set(PAYLOADS.values())) == len(PAYLOADS)


def test_fields_from_a_newer_platform_are_ignored():
    payload = msgspec.json.decode(b'{"flag_id": "root", "invented": [1]}', type=catalogue.FlagCorrect)
    assert payload == catalogue.FlagCorrect(flag_id="root")
