"""Laws of the preflight: what fits passes in silence, every mismatch is one clear sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from omegaconf import OmegaConf

from calql_vision.cli.configuration import composed, register
from calql_vision.engine import environments
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.runs.config import TaskConfig
from calql_vision.stages import collect, evaluate, finetune, pretrain
from calql_vision.stages.collect import CollectConfig
from calql_vision.stages.evaluate import EvaluateConfig
from calql_vision.stages.finetune import FinetuneConfig
from calql_vision.stages.pretrain import PretrainConfig

SIZE = ("task.image_size=24",)
TINY = (
    *SIZE, "scale=smoke", "scale.updates=1", "scale.online_steps=1", "scale.validation_episodes=1",
    "algo.hidden=[8]", "algo.batch_size=4", "encoder.features=8", "encoder.channels=[4]",
    "device=cpu", "threads=1",
)  # fmt: skip
STAGES = {
    "pretrain": (PretrainConfig, pretrain),
    "finetune": (FinetuneConfig, finetune),
    "evaluate": (EvaluateConfig, evaluate),
}


def run(stage: str, *overrides: str) -> None:
    config_class, module = STAGES[stage]
    register(stage, config_class)
    module.run(OmegaConf.to_object(composed(stage, list(overrides))))


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "lift.hdf5"
    task = TaskConfig(image_size=24)
    collect.run(CollectConfig(task=task, output=str(path), episodes=3))
    return path


@pytest.fixture
def damaged(original, tmp_path, monkeypatch) -> Callable[..., str]:
    """damaged(change) -> "data.path=..." of a copy whose every demo `change` has altered."""
    monkeypatch.chdir(tmp_path)

    def copy(change: Callable[[h5py.File, h5py.Group], None]) -> str:
        path = Path(shutil.copy(original, tmp_path / "data.hdf5"))
        with h5py.File(path, "r+") as file:
            for name in file["data"]:
                change(file, file["data"][name])
        return f"data.path={path}"

    return copy


def succeed(file: h5py.File, demo: h5py.Group) -> None:
    demo["rewards"][-1] = 1


def nothing(file: h5py.File, demo: h5py.Group) -> None:
    pass


def images(change: Callable[[np.ndarray], np.ndarray]) -> Callable:
    def apply(file: h5py.File, demo: h5py.Group) -> None:
        demo["obs/front_image"][:] = change(demo["obs/front_image"][:])

    return apply


def array(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable:
    def apply(file: h5py.File, demo: h5py.Group) -> None:
        demo[key][:] = change(demo[key][:])

    return apply


def env_args(change: Callable[[dict], None]) -> Callable:
    def apply(file: h5py.File, demo: h5py.Group) -> None:
        stored = json.loads(file["data"].attrs["env_args"])
        change(stored)
        file["data"].attrs["env_args"] = json.dumps(stored)

    return apply


WRONG = {
    "flipped": (images(lambda x: x[:, ::-1]), "front differs .* upside down"),
    "mirrored": (images(lambda x: x[:, :, ::-1]), "front differs .* mirrored"),
    "bgr": (images(lambda x: x[..., ::-1]), "front differs .* red and blue exchanged"),
    "another picture": (images(lambda x: np.zeros_like(x)), "front differs .* another view"),
    "slower": (
        env_args(lambda a: a["env_kwargs"].update(control_freq=20)), "at 20 Hz but .* runs at 10"),
    "centimetres": (
        array("obs/robot0_eef_pos", lambda x: 100 * x), "robot0_eef_pos is .* at the same state"),
    "elsewhere": (
        array("obs/robot0_eef_pos", lambda x: x + 3), "robot0_eef_pos lies in .* but .* starts at"),
}  # fmt: skip
ODD = {
    "brighter": (images(lambda x: np.clip(x.astype(int) + 15, 0, 255)), "front differs"),
    "scaled actions": (array("actions", lambda x: 0.01 * x), "no action exceeds 0.01"),
    "another task": (
        env_args(lambda a: a.update(env_name="tabletop/push")),
        "comes from tabletop/push",
    ),
}


def test_all_that_data_lacks_is_said_at_once_with_the_task_assumed(damaged):
    def another_robot(file: h5py.File, demo: h5py.Group) -> None:
        del demo["obs/front_image"]
        demo["obs/state"] = np.zeros((len(demo["actions"]), 6))
        del demo["obs/robot0_eef_pos"]
        actions = demo["actions"][:]
        del demo["actions"]
        demo["actions"] = np.repeat(actions, 2, axis=1)

    data = damaged(another_robot)
    with pytest.raises(ValueError, match=r"task=tabletop/lift, which was assumed") as refusal:
        run("pretrain", *TINY, data)
    for problem in (
        "no camera front but wrist",
        "no proprioception robot0_eef_pos but robot0_gripper_qpos, state",
        "actions of 8 numbers, not 4",
    ):
        assert problem in str(refusal.value)


def test_what_fits_passes_in_silence(damaged, capsys):
    run("pretrain", *TINY, damaged(nothing))
    run("finetune", *TINY, damaged(nothing))
    run("evaluate", "scale=smoke", "videos=0", "episodes=1")
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_fit_is_refused_before_anything_is_written(name, damaged):
    change, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence):
        run("pretrain", *TINY, damaged(change))
    assert not Path("runs").exists()


def test_whoever_means_it_is_only_warned(damaged, capsys):
    change, _ = WRONG["slower"]
    run("pretrain", *TINY, damaged(change), "preflight=warn")
    assert "warning: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ODD)
def test_what_may_be_meant_is_a_warning(name, damaged, capsys):
    change, sentence = ODD[name]
    run("pretrain", *TINY, damaged(change))
    assert sentence in capsys.readouterr().err


def test_states_of_another_simulator_are_not_compared(damaged, capsys):
    def shorter(file, demo):
        states = demo["states"][:, :5]
        del demo["states"]
        demo["states"] = states

    run("pretrain", *TINY, damaged(shorter))
    assert "its states are not tabletop/lift's" in capsys.readouterr().err


def test_a_stated_time_limit_that_cuts_demonstrations_off_is_refused_with_the_right_one(damaged):
    with pytest.raises(ValueError, match=r"ends episodes after 5; set task\.horizon=\d\d, or null"):
        run("pretrain", *TINY, damaged(succeed), "task.horizon=5")


def test_failures_longer_than_an_episode_are_only_named(damaged, capsys):
    run("pretrain", *TINY, damaged(nothing), "task.horizon=5")
    assert "but tabletop/lift ends episodes after 5\n" in capsys.readouterr().err


def test_a_time_limit_that_nobody_stated_makes_room_for_the_demonstrations(
    damaged, monkeypatch, capsys
):
    monkeypatch.setattr("calql_vision.envs.tabletop.tasks.Lift.default_horizon", 5)
    run("pretrain", *TINY, damaged(succeed), "output=here")
    stored = OmegaConf.load("here/config.yaml").task.horizon
    assert f"time limit {stored} steps, not 5" in capsys.readouterr().out
    assert Checkpoint.load(Path("here/checkpoint.pt")).spec.horizon == stored > 5


def test_a_checkpoint_of_another_task_is_named_when_it_goes_online(damaged, capsys):
    run("pretrain", *TINY, damaged(nothing))
    start = "checkpoint=runs/tabletop/lift/cal_ql/seed0/pretrain/checkpoint.pt"
    run("finetune", *TINY, damaged(nothing), "task=push", *SIZE, start)
    assert "the checkpoint comes from tabletop/lift" in capsys.readouterr().err


def test_evaluation_compares_with_the_demonstrations_while_they_are_there(damaged):
    run("pretrain", *TINY, damaged(nothing))
    damaged(images(lambda x: x[:, ::-1]))
    with pytest.raises(ValueError, match="upside down"):
        run("evaluate", "scale=smoke", "videos=0", "episodes=1", "stage=pretrain")
    Path("data.hdf5").unlink()
    run("evaluate", "scale=smoke", "videos=0", "episodes=1", "stage=pretrain")


@pytest.mark.parametrize("stage", STAGES)
def test_an_unknown_mode_is_refused(stage):
    with pytest.raises(ValueError, match="preflight=later: choose refuse or warn"):
        run(stage, "preflight=later")


@pytest.mark.parametrize("stage", STAGES)
def test_the_checks_and_the_run_share_one_environment(stage, original, damaged, monkeypatch):
    data = damaged(nothing)
    if stage != "pretrain":
        run("pretrain", *TINY, data)
        run("finetune", *TINY, data)
    made = []

    def counted(*arguments, make=environments.make_env, **options):
        made.append(arguments)
        return make(*arguments, **options)

    monkeypatch.setattr(environments, "make_env", counted)
    size = SIZE if stage == "evaluate" else (*TINY, data, "overwrite=true")
    run(stage, *size, "scale=smoke", *(["videos=0"] if stage == "evaluate" else []))
    assert len(made) == 1
