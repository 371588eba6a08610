"""The command line as a person meets it."""

import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import import_module

import pytest
from omegaconf import OmegaConf

from calql_vision import cli
from calql_vision.agents import AGENTS, AgentConfig
from calql_vision.cli import STAGES
from calql_vision.cli.configuration import composed, group_choices, offer_tasks, register, rows
from calql_vision.configs import option
from calql_vision.encoders import ENCODERS
from calql_vision.stages import finetune
from calql_vision.stages.finetune import FinetuneConfig
from calql_vision.stages.pretrain import PretrainConfig


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """call(*words, **environment) -> what the program leaves, run in this process and `tmp_path`.

    A process of its own spends seconds on imports; one test below pays for it.
    """

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["calql-vision", *words])
        monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
        for name, value in {"GOMP_SPINCOUNT": "20000", **environment}.items():
            monkeypatch.setenv(name, value)
        code: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        sentence = code if isinstance(code, str) else ""  # which Python prints, and exits with 1
        printed, complained = capsys.readouterr()
        return subprocess.CompletedProcess(words, bool(code), printed, complained + sentence)

    return run


def test_it_is_a_program(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for words, code in ((["--help"], 0), (["collect", "episodes=0"], 1)):
        command = [sys.executable, "-m", "calql_vision", *words]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert run.returncode == code
        assert "episodes=0" in run.stderr if code else "usage: calql-vision" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_stage(call):
    run = call("--help")
    assert run.returncode == 0
    assert all(name in run.stdout for name in (*STAGES, "doctor"))


@pytest.mark.parametrize("stage", STAGES)
def test_help_of_a_stage_explains_its_keys(stage, call):
    run = call(stage, "--help")
    assert run.returncode == 0, run.stderr
    assert any(word in run.stdout for word in ("task", "source", "checkpoint"))
    assert "usage: calql-vision" in run.stdout


@pytest.mark.parametrize("stage", STAGES)
def test_every_key_of_a_stage_has_a_meaning(stage):
    register(stage, getattr(import_module(STAGES[stage].module), STAGES[stage].config))
    for key, _, meaning in rows(OmegaConf.to_object(composed(stage, []))):
        assert meaning, key


@pytest.mark.parametrize("name", AGENTS)
def test_every_option_of_a_method_has_a_meaning(name):
    for key, _, meaning in rows(AGENTS[name].options()):
        assert meaning, key


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_has_its_own_options_and_a_yaml_that_says_it(name):
    register("pretrain", PretrainConfig)
    config = OmegaConf.to_object(composed("pretrain", [f"encoder={name}"])).encoder
    assert type(config) is ENCODERS[name]
    assert config.name == name
    for key, _, meaning in rows(config):
        assert meaning, key


def test_a_meaning_over_several_lines_is_shown_whole():
    @dataclass
    class Wide:
        width: int = option(
            1,
            "how far it reaches from one side "
            "to the other",
        )  # fmt: skip

    @dataclass
    class Wider(Wide):
        width: int = 2

    assert rows(Wider()) == [("width", "2", "how far it reaches from one side to the other")]


def test_configurations_share_no_default():
    one, other = AgentConfig(), AgentConfig()
    one.hidden.append(1)
    assert one.hidden != other.hidden


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["fly"], "no stage 'fly'; choose one of collect"),
        (["pretrain", "algo.penalti_weight=1"], "did you mean algo.penalty_weight"),
        (["pretrain", "algo=ppo"], "cal_ql"),
        (["pretrain", "algo.n_actions=many"], "many"),
        (["pretrain", "data.path=nowhere.hdf5"], "nowhere.hdf5"),
        (["collect", "task=juggle"], "lift"),
        (["collect", "episodes=0"], "episodes=0"),
    ],
)
def test_bad_input_ends_in_a_sentence_and_a_failure(words, problem, call, tmp_path):
    run = call(*words)
    assert run.returncode != 0
    assert problem in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scale", dict(group_choices(PretrainConfig()))["scale"])
def test_every_scale_fits_every_stage_that_has_one(scale):
    for stage in ("collect", "pretrain", "finetune", "evaluate"):
        register(stage, getattr(import_module(STAGES[stage].module), STAGES[stage].config))
        assert composed(stage, [f"scale={scale}"]).scale.episodes > 0


def test_a_task_of_a_family_needs_no_yaml_but_obeys_the_one_it_has():
    register("finetune", FinetuneConfig)
    offer_tasks(["scale=smoke", "task=robosuite/NutAssembly,robosuite//data/a.hdf5,robosuite/Lift"])
    for name, discount in (("NutAssembly", 0.97), ("/data/a.hdf5", 0.97), ("Lift", 0.98)):
        task = composed("finetune", [f"task=robosuite/{name}"]).task
        assert (task.name, task.discount) == (f"robosuite/{name}", discount)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("algo.online.options.calibrated=false", {"calibrated": False}),
        ("algo.online.options.q_weight=0.5", {"q_weight": 0.5}),
        ("task.kwargs.start_region=0.5", {"start_region": 0.5}),
    ],
)
def test_a_key_that_is_not_ours_needs_no_plus(key, expected, monkeypatch):
    found: list[FinetuneConfig] = []
    monkeypatch.setattr(finetune, "run", found.append)
    monkeypatch.setattr(sys, "argv", ["calql-vision", "finetune", key])
    cli.main()
    options = found[0].algo.online.options if key.startswith("algo") else found[0].task.kwargs
    assert expected.items() <= options.items()


def test_multirun_collects_every_combination(call, tmp_path):
    run = call(
        "collect", "-m", "task=lift,reach", "scale=smoke", "scale.episodes=1", "task.image_size=16"
    )
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in tmp_path.rglob("*.hdf5")) == ["lift.hdf5", "reach.hdf5"]
    assert {path.name for path in tmp_path.iterdir()} == {".hydra", "data"}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("calql-vision pre", "pretrain"),
        ("calql-vision pretrain algo=cal", "algo=cal_ql"),
        ("calql-vision finetune algo.online.up", "algo.online.updates_per_step="),
        ("calql-vision collect task=pi", "task=pick_place"),
    ],
)
def test_the_shell_completes_stages_groups_and_keys(line, offered, call):
    run = call("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert offered in run.stdout.split(), run.stderr
