"""Progress: how long it will take, only where that is long; on a terminal, and nowhere else."""

import time
from pathlib import Path

import pytest

from optkit.build.artifact import SILENT
from optkit.record.sessions import _watched
from optkit.report import progress
from optkit.report.progress import counted, left_of, left_text, shown_progress, shown_work


@pytest.mark.parametrize(
    ("elapsed", "share", "since", "done", "left"),
    [
        (30.0, 0.25, 30.0, 0.25, 90.0),
        (35.0, 0.25, 30.0, 0.25, 85.0),  # it counts down between two steps
        (30.0, 0.75, 30.0, 0.25, 30.0),  # a training that went on from half did a quarter in 30 s
        (4.0, 0.5, 4.0, 0.5, None),  # 8 s in all
        (500.0, 0.9, 90.0, 0.9, 0.0),  # late: no less than nothing
        (3.0, 0.0, None, 0.0, None),
        (None, 0.0, None, 0.0, None),
    ],
)
def test_what_is_left(
    elapsed: float | None, share: float, since: float | None, done: float, left: float | None
) -> None:
    assert left_of(elapsed, share, since=since, done=done) == (None if left is None else pytest.approx(left))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "about 5 s left"),
        (42.0, "about 40 s left"),
        (89.0, "about 90 s left"),
        (90.0, "about 2 min left"),
        (7200.0, "about 2.0 h left"),
    ],
)
def test_a_time_that_is_left_in_words(seconds: float, text: str) -> None:
    assert left_text(seconds) == text


def test_the_share_over_sessions() -> None:
    found: list[tuple[float, str]] = []
    counted(lambda share, state: found.append((share, state)), 1, 2)(9, 36)
    counted(lambda share, state: found.append((share, state)), 0, 1)(0, 0)
    assert found == [(0.625, "session 2 of 2, 9 of 36 benchmarks"), (0.0, "getting ready")]


def test_a_pipe_sees_nothing_even_when_colours_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with shown_progress() as told:
        assert told is SILENT
    with shown_work("timing") as tell:
        tell(0.5, "half")
    assert capfd.readouterr() == ("", "")


def test_a_terminal_sees_what_runs_and_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_drawn", lambda: True)
    monkeypatch.setattr(progress, "left_of", lambda *_, **__: 83.0)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress() as told:
        told.begin("train [red]net")
        told.epoch(1, 4, {"loss": 0.5})
    shown = capfd.readouterr().err
    assert "train [red]net" in shown
    assert "epoch 1/4  loss 0.5000" in shown
    assert "about 85 s left" in shown


def test_a_session_that_writes_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optkit.plugin.entry import _say
    from optkit.record import sessions

    monkeypatch.setattr(sessions, "_WATCHED_EVERY", 0.01)
    seen: list[tuple[int, int]] = []
    with _watched(tmp_path / "progress", lambda done, total: seen.append((done, total))) as more:
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        for line in ("3\n", "done\n", "done\n"):
            _say(line)
        for _ in range(1000):
            if seen and seen[-1] == (2, 3):
                break
            time.sleep(0.01)
    assert seen[-1] == (2, 3)
    with _watched(tmp_path / "other", None) as nothing:
        assert nothing == {}
