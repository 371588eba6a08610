"""Laws of watching: what a run tells while it trains, and that reading it changes nothing."""

import re
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from calql_vision.agents import CalQLConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.figures.live_view import LiveView
from calql_vision.runs.config import DataConfig, ScaleConfig, TaskConfig
from calql_vision.runs.layout import FILM, LIVE, LOCK, METRICS, TENSORBOARD, RunFolder
from calql_vision.runs.live import LiveState
from calql_vision.runs.record import read_run, read_runs
from calql_vision.stages import pretrain, watch
from calql_vision.stages.pretrain import PretrainConfig
from calql_vision.stages.watch import WatchConfig

TASK = "tabletop/lift"
SMALL_LIFT = TaskConfig(image_size=16, horizon=25)
SCALE = ScaleConfig(
    updates=4, value_travels=0, log_every=2, evaluations=2, validation_episodes=2, longest_episode=5
)


@pytest.fixture(scope="module")
def run(demonstrations, tmp_path_factory) -> RunFolder:
    """A finished pre-training."""
    folder = RunFolder(tmp_path_factory.mktemp("project") / "runs" / TASK / "cal_ql/seed0")
    config = PretrainConfig(
        task=SMALL_LIFT,
        scale=SCALE,
        algo=CalQLConfig(batch_size=8, hidden=[16, 16]),
        encoder=CNNConfig(features=8),
        data=DataConfig(path=str(demonstrations)),
        output=str(folder.training("pretrain")),
    )
    pretrain.run(config)
    return folder


def write_page(run: RunFolder, output: Path) -> str:
    root = run.path.parents[len(Path(TASK).parts) + 1]
    return watch.run(WatchConfig(SMALL_LIFT, str(root), str(output), once=True)).read_text()


def test_a_run_tells_how_far_it_is_and_shows_its_last_episodes(run):
    folder = run.training("pretrain")
    live = LiveState.load(folder / LIVE)
    assert (live.stage, live.step, live.total, live.finished) == ("pretrain", 4, 4, True)
    assert (folder / FILM).read_bytes().startswith(b"GIF89a")


def test_tensorboard_has_the_films_and_the_configuration(run):
    events = EventAccumulator(str(run.training("pretrain") / TENSORBOARD)).Reload()
    films = events.Images("episodes")
    assert [film.step for film in films] == [2, 4]
    assert all(film.encoded_image_string.startswith(b"GIF89a") for film in films)
    (config,) = events.Tensors("config/text_summary")
    assert b"updates: 4" in config.tensor_proto.string_val[0]


def test_the_page_needs_nothing_but_itself(run, tmp_path):
    text = write_page(run, tmp_path / "watch.html")
    assert "nothing is training" in text
    assert "pretrain: finished, 4 updates" in text
    addresses = re.findall(r'(?:src|href)="([^"]{0,30})', text)
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert 'http-equiv="refresh"' not in text, "it changes no more"


@pytest.mark.parametrize(
    ("step", "held", "silent", "words"),
    [
        (1, True, 5, ["update 1 of 4", "about 3 min left", "last row 5 s ago"]),
        (0, True, 5, ["update 0 of 4", "60 s so far; last"]),
        (1, False, 5, ["update 1 of 4, interrupted", "the same command goes on"]),
        (1, True, 5000, ["interrupted"]),
        (4, True, 5, ["finished, 4 updates in 60 s"]),
    ],
)
def test_a_sentence_says_where_a_run_is(tmp_path, step, held, silent, words):
    folder = RunFolder(tmp_path / "cal_ql/seed0")
    folder.training("finetune").mkdir(parents=True)
    LiveState("finetune", "update", step, 4, 60.0).save(folder.training("finetune"))
    if held:
        (folder.training("finetune") / LOCK).touch()
    written = (folder.training("finetune") / LIVE).stat().st_mtime
    view = LiveView.of(read_run(folder)[0], written + silent)
    assert all(word in view.sentence for word in words), view.sentence


def test_warnings_are_shown(run, tmp_path):
    place = RunFolder(tmp_path / "runs" / TASK / "cal_ql/seed0")
    folder = place.training("pretrain")
    folder.mkdir(parents=True)
    (folder / METRICS).write_bytes((run.training("pretrain") / METRICS).read_bytes())
    LiveState("pretrain", "update", 2, 4, 1.0, ["Q is <high>"]).save(folder)
    assert "Warning: Q is &lt;high&gt;" in write_page(place, tmp_path / "watch.html")


def test_watching_touches_nothing(run, tmp_path):
    def look() -> dict[Path, tuple[int, int]]:
        found = [(path, path.stat()) for path in run.path.rglob("*")]
        return {path: (state.st_mtime_ns, state.st_size) for path, state in found}

    before = look()
    write_page(run, tmp_path / "watch.html")
    assert look() == before


def test_a_row_that_is_being_written_is_not_read_yet(run, tmp_path):
    folder = tmp_path / TASK / "cal_ql/seed0/pretrain"
    folder.mkdir(parents=True)
    whole = (run.training("pretrain") / METRICS).read_bytes()
    (folder / METRICS).write_bytes(whole + b"6,0.5,0.")
    results = read_runs(tmp_path, TASK)
    assert results.warnings == []
    assert results.runs[0].training["pretrain"].last_step == 4


def test_once_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        watch.run(WatchConfig(SMALL_LIFT, str(tmp_path), once=True))
