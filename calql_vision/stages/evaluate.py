"""How good a checkpoint is, on fresh episodes, with an interval and a video."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from calql_vision.agents import Agent, AgentConfig
from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.progress import progress
from calql_vision.engine.demonstrations import as_shown
from calql_vision.engine.device import choose_device, set_threads
from calql_vision.engine.environments import spec_env
from calql_vision.engine.evaluation import summarise
from calql_vision.engine.preflight import Mismatch, check_mode, check_picture, compare_specs, judge
from calql_vision.engine.rollouts import open_rollouts
from calql_vision.engine.trained_policy import Trained, open_trained
from calql_vision.engine.video import write_video
from calql_vision.runs.config import RolloutsConfig, ScaleConfig, TaskConfig
from calql_vision.runs.evaluation import EvaluatedCheckpoint, Evaluation
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import VIDEO, RunFolder
from calql_vision.runs.output import EVALUATED, is_evaluation, output_folder
from calql_vision.types import Episode, PixelEnv

_EXPORTED = Path("reports")  # a policy from elsewhere belongs to no run


@dataclass
class EvaluateConfig:
    """Deterministic episodes of one checkpoint, from fixed seeds that nothing else uses."""

    task: TaskConfig = field(default_factory=TaskConfig)
    algo: AgentConfig = field(default_factory=AgentConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    rollouts: RolloutsConfig = field(default_factory=RolloutsConfig)
    seed: int = option(0, "of the run that is evaluated", within="[0, 999]")
    stage: str = option("finetune", "whose checkpoint: that of pretrain or of finetune")
    which: str = option(
        "last", "last, or best: of those at the stage's periodic evaluations the most successful"
    )
    checkpoint: str | None = option(
        None, "or an exported folder; null: that of runs/<task>/<algo>/seed<seed>/<stage>/"
    )
    episodes: int | None = option(
        None, "how many; null: scale.evaluation_episodes", within="[1, 5e5]"
    )
    videos: int = option(
        9, "how many of the first episodes to film, side by side", within="[0, 1000]"
    )
    device: str = option("auto", "auto, cpu or cuda")
    threads: int | None = option(
        1, "torch's on the CPU: single images do not gain from more", within="[1, 1024]"
    )
    output: str | None = option(
        None,
        "folder; null: runs/<task>/<algo>/seed<seed>/evaluate[_pretrain][_best]; of an exported "
        "policy reports/<its name>",
    )
    preflight: str = option(
        "refuse", "what to do if the checkpoint cannot fit the environment: refuse or warn"
    )


def run(config: EvaluateConfig) -> Evaluation:
    """Evaluate, write metrics.json and episodes.mp4, print the result.

    The environment, its cameras and the preprocessing are those of the checkpoint.
    """
    check_ranges(config)
    check_mode(config.preflight)
    set_threads(config.threads)
    place = RunFolder.of(config.task, config.algo.label, config.seed)
    default = place.checkpoint(config.stage, config.which)
    source = Path(config.checkpoint) if config.checkpoint else default
    checkpoint = open_trained(source)
    own = place.evaluation(checkpoint.stage, checkpoint.selected)
    own = _EXPORTED / source.name if source.is_dir() else own
    folder = output_folder(config.output, own, EVALUATED, is_evaluation)
    agent = checkpoint.build(choose_device(config.device))
    env = spec_env(checkpoint.spec, config.task)
    try:
        check_fit(checkpoint, env, config.preflight)
        result, shown = _evaluate(config, env, agent)
        found = EvaluatedCheckpoint(
            checkpoint.stage, str(source), result, Launch.now("evaluate"), checkpoint.selected
        )
        _write(folder, found, shown, env)
    finally:
        env.close()
    which = "selected in validation" if checkpoint.selected else "last"
    print(f"evaluate: {env.pixel_spec.name}, {which} checkpoint of {checkpoint.stage}: {result}")
    return result


def check_fit(checkpoint: Trained, env: PixelEnv, mode: str) -> None:
    """The environment as it is now against the one that the agent was trained in, and against the
    demonstrations if they still are where they were. `env` needs a reset afterwards."""
    spec = env.pixel_spec
    mismatches = compare_specs(checkpoint.spec, spec, "the checkpoint")
    if (spec.proprio, spec.cameras) != (checkpoint.spec.proprio, checkpoint.spec.cameras):
        sentence = f"{spec.name} now has other cameras or proprioception than the checkpoint"
        mismatches.append(Mismatch(sentence, wrong=True))
    judge(mismatches + _pictures(checkpoint, env), mode)


def _pictures(checkpoint: Trained, env: PixelEnv) -> list[Mismatch]:
    """None where the demonstrations are gone."""
    config = checkpoint.config
    if not config.data_path.is_file():
        return []
    return check_picture(config.data_path, env, as_shown(checkpoint.spec, config.data))


def _evaluate(
    config: EvaluateConfig, env: PixelEnv, agent: Agent
) -> tuple[Evaluation, list[Episode]]:
    """The result, and those episodes that are to be filmed."""
    count = config.episodes or config.scale.evaluation_episodes
    shown: list[Episode] = []

    def kept(episodes: Iterator[Episode]) -> Iterator[Episode]:
        for episode in progress(episodes, total=count, desc="evaluate", unit="episode"):
            if len(shown) < config.videos:
                shown.append(episode)
            yield episode

    with open_rollouts(config, env, agent) as rollouts:
        episodes = rollouts.deterministic("evaluate", count, with_states=config.videos)
        return summarise(kept(episodes)), shown


def _write(folder: Path, found: EvaluatedCheckpoint, shown: list[Episode], env: PixelEnv) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if shown:
        write_video(folder / VIDEO, env, shown)
    found.save(folder)
