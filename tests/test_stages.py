"""The stages on real files and a real simulator, at the smallest sizes."""

import csv
import json
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.cli.configuration import composed, group_choices, register
from calql_vision.datasets.hdf5 import read_episodes
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.demonstrations import load_demonstrations
from calql_vision.engine.learn import learn
from calql_vision.engine.seeds import episode_seed
from calql_vision.envs import make_env
from calql_vision.stages import collect, evaluate, finetune, pretrain

CONFIGS = {
    "collect": collect.CollectConfig,
    "pretrain": pretrain.PretrainConfig,
    "finetune": finetune.FinetuneConfig,
    "evaluate": evaluate.EvaluateConfig,
}
TINY = ("scale=smoke", "task.image_size=16")
LEARNER = ("encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1")
COLLECT = (*TINY, "scale.episodes=3", "task.horizon=12")
TRAIN = (*TINY, *LEARNER, "task.horizon=12", "task.effort=1", "scale.updates=4",
         "scale.online_steps=20", "scale.log_every=2", "scale.evaluations=1",
         "scale.validation_episodes=1")  # fmt: skip
AT_ONCE = ("algo.online.warmup_steps=0", "algo.online.updates_per_step=1")  # an update a step


def config(stage: str, *overrides: str):
    """The stage's configuration as the command line would give it."""
    register(stage, CONFIGS[stage])
    return OmegaConf.to_object(composed(stage, list(overrides)))


def choices(group: str) -> list[str]:
    return dict(group_choices(pretrain.PretrainConfig()))[group]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    """Three short episodes of lift, collected once."""
    path = tmp_path_factory.mktemp("data") / "lift.hdf5"
    collect.run(config("collect", *COLLECT, f"output={path}"))
    return f"data.path={path}"


@pytest.fixture(scope="module")
def pretrained(demonstrations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained")
    pretrain.run(config("pretrain", *TRAIN, demonstrations, f"output={folder}"))
    return folder / "checkpoint.pt"


# Of other families (family/task), one: the rest takes long or has no expert to collect with.
OURS = [name for name in choices("task") if name.isidentifier() and name != "none"]


@pytest.mark.parametrize("task", [*OURS, "robosuite/Lift"])
def test_every_task_goes_the_whole_way(task, workplace):
    name = config("collect", f"task={task}").task.label
    collect.run(config("collect", f"task={task}", *COLLECT))
    assert (workplace / f"data/{name}.hdf5").exists()
    pretrain.run(config("pretrain", f"task={task}", *TRAIN))
    finetune.run(config("finetune", f"task={task}", *TRAIN))
    result = evaluate.run(
        config("evaluate", f"task={task}", *TINY, "scale.evaluation_episodes=2", "videos=1")
    )
    folder = workplace / "runs" / name / "cal_ql/seed0"
    report = json.loads((folder / "evaluate/metrics.json").read_text())
    assert report["episodes"] == 2
    assert report["success_rate"] == result.success_rate
    assert imageio.improps(folder / "evaluate/episodes.mp4").shape[0] > 2


@pytest.mark.parametrize("algo", choices("algo"))
def test_every_algorithm_trains_offline_and_online(algo, demonstrations, workplace):
    overrides = (*TRAIN, demonstrations, f"algo={algo}")
    label = config("pretrain", *overrides).algo.label
    assert label == algo, "a run's folder is named like the configuration that made it"
    folder = workplace / "runs/tabletop/lift" / algo / "seed0"
    how = config("finetune", *overrides).algo.online
    if how.pretrained:
        pretrain.run(config("pretrain", *overrides))
    finetune.run(config("finetune", *overrides, "algo.online.random_steps=0"))
    checkpoint = Checkpoint.load(folder / "finetune/checkpoint.pt")
    assert checkpoint.env_steps >= 20
    result = evaluate.run(config("evaluate", *TINY, f"algo={algo}", "videos=0"))
    assert result.episodes == 4


def online_rows(*overrides: str) -> list[dict[str, str]]:
    finetune.run(config("finetune", *TRAIN, *overrides, "output=here"))
    return [row for row in rows(Path("here/metrics.csv")) if row["online/length"]]


def test_warm_up_learns_nothing_from_the_frozen_policys_steps(demonstrations, pretrained):
    start = Checkpoint.load(pretrained).updates
    table = online_rows(
        "algo=wsrl", demonstrations, f"checkpoint={pretrained}",
        "algo.online.warmup_steps=13", "algo.online.updates_per_step=1",
        "scale.online_steps=37", "scale.evaluations=37",
    )  # fmt: skip
    lengths = np.array([float(row["online/length"]) for row in table])
    warm = np.cumsum(lengths) - lengths >= 13  # episodes that began after the warm-up
    assert not warm[0]
    assert warm[-1]
    assert [bool(row["td_loss"]) for row in table] == warm.tolist()
    learnt = start + np.cumsum(lengths * warm)
    assert [float(row["updates"]) for row in table] == learnt.tolist()


def test_random_steps_come_first_and_do_not_depend_on_the_agent(demonstrations):
    lengths = [
        [row["online/length"] for row in online_rows(
            "algo=sac", demonstrations, "algo.online.random_steps=100", weights, "overwrite=true")]
        for weights in ("algo.hidden=[16,16]", "algo.hidden=[8]")
    ]  # fmt: skip
    assert lengths[0] == lengths[1]
    assert all(row["updates"] == "0.0" for row in rows(Path("here/metrics.csv"))[1:])


def test_a_method_that_starts_from_nothing_neither_pretrains_nor_loads(demonstrations, pretrained):
    overrides = (*TRAIN, demonstrations, "algo=sac")
    with pytest.raises(ValueError, match="run finetune"):
        pretrain.run(config("pretrain", *overrides))
    with pytest.raises(ValueError, match="starts from nothing"):
        finetune.run(config("finetune", *overrides, f"checkpoint={pretrained}"))


def test_a_scale_may_cut_episodes_off(demonstrations, pretrained):
    """All of finetune's, evaluate's too; those of the demonstrations stay whole."""
    shared = (demonstrations, f"checkpoint={pretrained}", "overwrite=true", *AT_ONCE)
    for row in online_rows(*shared, "scale.longest_episode=3"):
        assert float(row["online/length"] or 3) <= 3
        assert float(row["evaluation/mean_length"] or 3) <= 3
    words = ("scale=smoke", "scale.longest_episode=3", f"checkpoint={pretrained}", "output=here")
    assert evaluate.run(config("evaluate", *words)).lengths.max() <= 3


def test_the_online_reference_can_be_dropped_or_bootstrapped(demonstrations, pretrained):
    shared = (demonstrations, f"checkpoint={pretrained}", "overwrite=true", *AT_ONCE)
    kept = online_rows(*shared)
    bootstrapped = online_rows(*shared, "algo.online.reference_steps=3")
    assert float(kept[0]["return_to_go"]) < float(bootstrapped[0]["return_to_go"])
    online_rows(*shared, "+algo.online.options.calibrated=false")
    assert Checkpoint.load(Path("here/checkpoint.pt")).algo["calibrated"] is False


@pytest.mark.parametrize("encoder", choices("encoder"))
def test_every_encoder_trains(encoder, demonstrations, workplace):
    sizes = ("task.image_size=48", "scale.updates=1")
    overrides = (*TRAIN, demonstrations, f"encoder={encoder}", *sizes)
    pretrain.run(config("pretrain", *overrides, "output=here"))
    assert Checkpoint.load(Path("here/checkpoint.pt")).encoder["name"] == encoder


def test_pretrain_leaves_a_folder_that_explains_itself(demonstrations, workplace):
    pretrain.run(config("pretrain", *TRAIN, demonstrations, "output=here"))
    assert {path.name for path in Path("here").iterdir()} == {
        "best.pt", "checkpoint.pt", "config.yaml", "episodes.gif", "launch.json", "live.json",
        "metrics.csv", "tensorboard",
    }  # fmt: skip
    table = rows(Path("here/metrics.csv"))
    assert [row["step"] for row in table] == ["2", "4"]
    assert {"td_loss", "penalty", "bound_rate", "q_data", "updates_per_second"} <= set(table[0])
    assert 0 <= float(table[-1]["evaluation/success_rate"]) <= 1
    assert list(Path("here/tensorboard").iterdir())


def test_training_warns_of_a_critic_outside_the_possible_returns(demonstrations, capsys):
    tiny = ("reward.scale=0.001", "reward.bias=0", "output=here")
    pretrain.run(config("pretrain", *TRAIN, demonstrations, *tiny))
    assert capsys.readouterr().err.count("has left the range [0.0, 0.0]") == 1


def test_finetuning_goes_on_from_the_checkpoint(demonstrations, pretrained, workplace):
    words = (*TRAIN, *AT_ONCE, demonstrations, f"checkpoint={pretrained}", "output=here")
    finetune.run(config("finetune", *words))
    before, after = Checkpoint.load(pretrained), Checkpoint.load(Path("here/checkpoint.pt"))
    assert after.env_steps >= 20
    assert after.updates == before.updates + after.env_steps
    adam = after.optimizers["critic"]["state"][0]["step"]
    assert adam == after.updates, "the optimizer's state is carried over"
    online = [row for row in rows(Path("here/metrics.csv")) if row["online/length"]]
    failures = [1 - float(row["online/success"]) for row in online]
    assert float(online[-1]["online/regret"]) == pytest.approx(np.mean(failures))


def test_the_same_seed_trains_the_same_weights(demonstrations, workplace):
    for folder in ("one", "two"):
        pretrain.run(config("pretrain", *TRAIN, demonstrations, f"output={folder}"))
        source = f"checkpoint={folder}/checkpoint.pt"
        finetune.run(config("finetune", *TRAIN, demonstrations, source, f"output={folder}/online"))
    one, two = (Checkpoint.load(Path(f"{f}/online/checkpoint.pt")) for f in ("one", "two"))
    assert all(torch.equal(value, two.weights[name]) for name, value in one.weights.items())


def test_a_loaded_agent_learns_on_as_the_saved_one_would(demonstrations, pretrained):
    settings = config("pretrain", *TRAIN, demonstrations)
    saved = Checkpoint.load(pretrained)
    one = saved.build(torch.device("cpu"))
    buffer = load_demonstrations(settings, saved.spec)
    learn(one, buffer, 3, np.random.default_rng(0))
    between = Checkpoint.of(one, saved.spec, settings, "pretrain", env_steps=0)
    between.save(Path("between.pt"))
    two = Checkpoint.load(Path("between.pt")).build(torch.device("cpu"), seed=5)
    for agent in (one, two):
        learn(agent, buffer, 3, np.random.default_rng(1))
    weights = two.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in one.state_dict().items())


def test_evaluation_needs_nothing_but_the_checkpoint(pretrained, workplace):
    again = config("evaluate", "scale=smoke", f"checkpoint={pretrained}", "output=here")
    first, second = evaluate.run(again), evaluate.run(again)
    assert first.episodes == 4
    assert np.array_equal(first.lengths, second.lengths)


def test_the_policy_sees_online_exactly_what_the_file_holds(demonstrations):
    """A flipped, rescaled or BGR image anywhere on the way would show here."""
    path = demonstrations.partition("=")[2]
    env = make_env("tabletop/lift", image_size=16, horizon=12)
    try:
        for number, episode in enumerate(read_episodes(path)):
            seen, _ = env.reset(seed=episode_seed("collect", 0, number))
            for step, action in enumerate(episode.actions):
                assert np.array_equal(seen["images"], episode.images[step])
                np.testing.assert_array_equal(seen["proprio"], episode.proprio[step])
                seen, *_ = env.step(action)
        red, _, blue = seen["images"][0].reshape(-1, 3).mean(0)
        assert abs(red - blue) > 1, "red and blue would look alike in this scene"
        assert not np.array_equal(seen["images"][0], seen["images"][0][::-1])
    finally:
        env.close()


def test_a_finished_run_is_not_overwritten_unasked(demonstrations, pretrained):
    before = pretrained.read_bytes()
    with pytest.raises(ValueError, match="overwrite=true"):
        pretrain.run(config("pretrain", *TRAIN, demonstrations, f"output={pretrained.parent}"))
    assert pretrained.read_bytes() == before


@pytest.mark.parametrize(
    ("stage", "overrides", "problem"),
    [
        ("pretrain", ("device=tpu",), "device=tpu"),
        ("pretrain", ("data.path=nowhere.hdf5",), "nowhere.hdf5"),
        ("pretrain", ("task.cameras=[side]",), "side"),
        ("pretrain", ("seed=1000",), "1000"),
        ("finetune", ("checkpoint=nowhere.pt",), "nowhere.pt"),
        ("finetune", ("algo.online.online_fraction=2",), "online_fraction=2"),
        ("finetune", ("algo=rlpd", "algo.online.reference_steps=3"), "reference_steps=3"),
        ("finetune", ("algo=sac", "algo.online.warmup_steps=-1"), "warmup_steps=-1"),
        ("evaluate", ("checkpoint=nowhere.pt",), "nowhere.pt"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    stage, overrides, problem, demonstrations, workplace
):
    data = (demonstrations,) if stage != "evaluate" else ()
    shared = (*TRAIN, *data) if stage != "evaluate" else TINY
    module = {"pretrain": pretrain, "finetune": finetune, "evaluate": evaluate}[stage]
    with pytest.raises(ValueError, match=problem):
        module.run(config(stage, *shared, *overrides))
    assert list(workplace.iterdir()) == []


def test_a_checkpoint_of_another_shape_is_refused(demonstrations, pretrained, workplace):
    overrides = (*TRAIN, demonstrations, f"checkpoint={pretrained}", "encoder.features=9")
    with pytest.raises(ValueError, match=r"encoder\.features=8.*asks for 9"):
        finetune.run(config("finetune", *overrides))


def test_a_checkpoint_that_saw_through_other_cameras_is_refused(demonstrations, workplace):
    words = (*TRAIN, demonstrations)
    pretrain.run(config("pretrain", *words, "task.cameras=[wrist,front]", "output=here"))
    overrides = (*words, "task.cameras=[front,wrist]", "checkpoint=here/checkpoint.pt")
    with pytest.raises(ValueError, match="other cameras"):
        finetune.run(config("finetune", *overrides))
