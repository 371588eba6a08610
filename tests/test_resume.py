"""An interrupted and resumed run leaves what an unbroken one leaves, bit for bit."""

import csv
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.cli.configuration import composed, group_choices, register
from calql_vision.engine.training_run import TrainingRun
from calql_vision.stages import collect, finetune, pretrain

STAGES = {"pretrain": pretrain, "finetune": finetune}
CONFIGS = {
    "collect": collect.CollectConfig,
    "pretrain": pretrain.PretrainConfig,
    "finetune": finetune.FinetuneConfig,
}
TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
TRAIN = (*TINY, "encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1",
         "task.effort=1", "scale.updates=8", "scale.online_steps=40", "scale.log_every=2",
         "scale.evaluations=2", "scale.validation_episodes=1", "checkpoint_every=0")  # fmt: skip
AT_ONCE = ("algo.online.warmup_steps=0", "algo.online.updates_per_step=0.2")
CLOCKS = {"wall_seconds", "updates_per_second"}


def config(stage: str, *overrides: str):
    register(stage, CONFIGS[stage])
    return OmegaConf.to_object(composed(stage, list(overrides)))


def train(stage: str, *overrides: str) -> None:
    STAGES[stage].run(config(stage, *TRAIN, *overrides))


class Stop(KeyboardInterrupt):
    """Ctrl-C at a known place."""


def interrupted(monkeypatch, stage: str, call: int, *overrides: str) -> str:
    """Stop the stage in the middle of a row, the `call`-th; returns what it says."""
    learn, calls = STAGES[stage].learn, []

    def stopping(*arguments):
        metrics = learn(*arguments)
        calls.append(metrics)
        if len(calls) == call:
            raise Stop
        return metrics

    with monkeypatch.context() as patch:
        patch.setattr(STAGES[stage], "learn", stopping)
        with pytest.raises(Stop) as stop:
            train(stage, *overrides)
    return " ".join(getattr(stop.value, "__notes__", []))


def without_clocks(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [{name: cell for name, cell in row.items() if name not in CLOCKS} for row in rows]


def assert_same_run(one: Path, other: Path) -> None:
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    assert without_clocks(one / "metrics.csv") == without_clocks(other / "metrics.csv")
    for name in ("checkpoint.pt", "best.pt"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("data") / "lift.hdf5"
    collect.run(config("collect", *TINY, "scale.episodes=3", f"output={path}"))
    return f"data.path={path}"


@pytest.fixture
def unbroken(tmp_path, monkeypatch, demonstrations):
    """unbroken(stage, *overrides) -> the folder of a run without interruption.

    It and its rivals have the same words, output included, which a checkpoint repeats.
    """

    def run(stage: str, *overrides: str) -> Path:
        monkeypatch.chdir(fresh(tmp_path, "unbroken"))
        train(stage, demonstrations, "output=here", *overrides)
        monkeypatch.chdir(fresh(tmp_path, "broken"))
        return tmp_path / "unbroken/here"

    return run


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fresh(place: Path, name: str) -> Path:
    (place / name).mkdir()
    return place / name


@pytest.fixture(scope="module")
def pretrained(demonstrations, tmp_path_factory):
    """pretrained(algo) -> words that name a checkpoint of the method, where it needs one."""
    folder, known = tmp_path_factory.mktemp("pretrained"), {}

    def words(algo: str) -> tuple[str, ...]:
        if not config("finetune", f"algo={algo}").algo.online.pretrained:
            return (f"algo={algo}",)
        if algo not in known:
            train("pretrain", demonstrations, f"algo={algo}", f"output={folder / algo}")
            known[algo] = f"checkpoint={folder / algo}/checkpoint.pt"
        return (f"algo={algo}", known[algo])

    return words


ALGORITHMS = dict(group_choices(pretrain.PretrainConfig()))["algo"]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_offline_a_run_goes_on_bit_for_bit(algo, unbroken, demonstrations, monkeypatch, capsys):
    if not config("finetune", f"algo={algo}").algo.online.pretrained:
        return  # learns online alone
    words = (f"algo={algo}", "output=here")
    whole = unbroken("pretrain", *words)
    for call in (2, 2):
        interrupted(monkeypatch, "pretrain", call, demonstrations, *words)
    train("pretrain", demonstrations, *words)
    assert "pretrain: resumes at update 4 of 8" in capsys.readouterr().out
    assert_same_run(whole, Path("here"))


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_online_a_run_goes_on_bit_for_bit(
    algo, unbroken, demonstrations, pretrained, monkeypatch, capsys
):
    words = (*pretrained(algo), *AT_ONCE, "algo.online.random_steps=12", "output=here")
    whole = unbroken("finetune", *words)
    interrupted(monkeypatch, "finetune", 2, demonstrations, *words)
    train("finetune", demonstrations, *words)
    assert "finetune: resumes at step 24 of 40" in capsys.readouterr().out
    assert_same_run(whole, Path("here"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_stopped_after_its_last_row_ends_as_any_other(
    stage, unbroken, demonstrations, pretrained, monkeypatch
):
    words = (*(pretrained("cal_ql") if stage == "finetune" else ()), *AT_ONCE, "output=here")
    whole = unbroken(stage, *words)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "finish", stopped)
        with pytest.raises(Stop):
            train(stage, demonstrations, *words)
    train(stage, demonstrations, *words)
    assert_same_run(whole, Path("here"))


def stopped(*_):
    raise Stop


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", STAGES)
def test_overwriting_touches_nothing_before_the_new_runs_first_row(
    stage, demonstrations, pretrained, monkeypatch, workplace
):
    words = (*(pretrained("cal_ql") if stage == "finetune" else ()), demonstrations, *AT_ONCE)
    train(stage, *words, "output=here")
    before = contents(Path("here"))
    again = (*words, "output=here", "overwrite=true", "seed=1")
    assert interrupted(monkeypatch, stage, 1, *again) == ""
    assert contents(Path("here")) == before
    said = interrupted(monkeypatch, stage, 3, *again)
    assert f"{stage} goes on at" in said
    assert not Path("here/checkpoint.pt").exists(), "the old one is gone when the new one stands"
    train(stage, *words, "output=here", "seed=1")
    train(stage, *words, "output=there", "seed=1")
    assert without_clocks(Path("here/metrics.csv")) == without_clocks(Path("there/metrics.csv"))


def test_a_failure_leaves_no_folder_where_none_was(demonstrations, monkeypatch, workplace):
    interrupted(monkeypatch, "pretrain", 1, demonstrations)
    assert list(workplace.iterdir()) == []


@pytest.fixture
def halfway(demonstrations, monkeypatch, workplace):
    """An interrupted pre-training in `here`; the words with which it goes on."""
    words = (demonstrations, "output=here")
    interrupted(monkeypatch, "pretrain", 3, *words)
    return words


def test_another_run_is_refused_in_the_folder_of_an_interrupted_one(halfway, pretrained):
    before = contents(Path("here"))
    with pytest.raises(ValueError, match="seed=0 instead of 1; ask as then") as error:
        train("pretrain", *halfway, "algo.tau=0.1", "seed=1")
    assert "algo.tau=0.005 instead of 0.1" in str(error.value)
    with pytest.raises(ValueError, match="stage=pretrain instead of finetune"):
        train("finetune", *halfway, *pretrained("cal_ql"))
    assert contents(Path("here")) == before


def test_other_demonstrations_under_the_same_name_are_refused(workplace, monkeypatch):
    collect.run(config("collect", *TINY, "scale.episodes=2", "output=data.hdf5"))
    words = ("data.path=data.hdf5", "output=here")
    interrupted(monkeypatch, "pretrain", 3, *words)
    more = ("scale.episodes=3", "output=data.hdf5", "overwrite=true")
    collect.run(config("collect", *TINY, *more))
    with pytest.raises(ValueError, match="interrupted run with other demonstrations"):
        train("pretrain", *words)


def test_another_number_of_threads_is_said_and_allowed(halfway, capsys):
    train("pretrain", *halfway, "threads=2")
    assert "threads 2 instead of 1: not exactly as an unbroken run" in capsys.readouterr().err
    assert Path("here/checkpoint.pt").exists()


def test_only_the_partial_files_of_a_run_are_cleaned_up(halfway):
    ours, foreign = Path("here/.state.pt.123.partial"), Path("here/.notes.123.partial")
    for path in (ours, foreign):
        path.touch()
    train("pretrain", *halfway)
    assert not ours.exists()
    assert foreign.exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 1000])
def test_a_damaged_state_is_refused_with_the_remedy(content, halfway):
    Path("here/state.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"state\.pt is damaged; overwrite=true starts"):
        train("pretrain", *halfway)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("batches", {"bit_generator": "MT19937"}),
        ("batches", {"bit_generator": "PCG64", "state": {"state": 1}}),
        ("draws", [torch.zeros(3)]),
        ("draws", ["none"]),
        ("inputs", None),
        ("checkpoint", {"stage": "pretrain"}),
    ],
)
def test_a_state_changed_by_hand_is_refused_with_the_remedy(part, value, halfway):
    content = torch.load("here/state.pt", weights_only=True)
    torch.save(content | {part: value}, "here/state.pt")
    with pytest.raises(ValueError, match=r"state\.pt is damaged; overwrite=true starts"):
        train("pretrain", *halfway)


def test_experience_beyond_the_memory_budget_stays_on_disk_and_changes_nothing(
    demonstrations, pretrained, monkeypatch, workplace
):
    words = (demonstrations, *pretrained("cal_ql"), *AT_ONCE)
    train("finetune", *words, "output=memory")
    tight = (*words, "output=disk", "data.memory_budget=60kB")
    interrupted(monkeypatch, "finetune", 2, *tight)
    train("finetune", *tight)
    assert without_clocks(Path("memory/metrics.csv")) == without_clocks(Path("disk/metrics.csv"))
