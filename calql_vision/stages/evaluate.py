"""How good a checkpoint is, on fresh episodes, with an interval and a video."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from calql_vision.agents import AgentConfig
from calql_vision.datasets.whole_file import whole_file
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.device import choose_device, set_threads
from calql_vision.engine.environments import spec_env
from calql_vision.engine.evaluation import Evaluation, summarise
from calql_vision.engine.policy import AgentPolicy
from calql_vision.engine.preflight import Mismatch, check_mode, check_picture, compare_specs, judge
from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed
from calql_vision.engine.video import write_video
from calql_vision.runs.config import DataConfig, ScaleConfig, TaskConfig, task_data
from calql_vision.runs.layout import run_folder
from calql_vision.types import Episode, PixelEnv


@dataclass
class EvaluateConfig:
    """Deterministic episodes of one checkpoint, from fixed seeds that nothing else uses."""

    task: TaskConfig = field(default_factory=TaskConfig)
    algo: AgentConfig = field(default_factory=AgentConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    seed: int = 0  # of the run that is evaluated
    stage: str = "finetune"  # whose checkpoint: pretrain or finetune
    checkpoint: str | None = None  # null: runs/<task>/<algo>/seed<seed>/<stage>/checkpoint.pt
    episodes: int | None = None  # null: scale.evaluation_episodes
    videos: int = 9  # of the first episodes, side by side; 0 for none
    device: str = "auto"  # auto, cpu or cuda
    threads: int | None = 1  # of torch on the CPU: single images do not gain from more
    output: str | None = None  # folder; null: runs/<task>/<algo>/seed<seed>/evaluate[_pretrain]
    preflight: str = "refuse"  # a checkpoint that cannot fit the environment; or warn


def run(config: EvaluateConfig) -> Evaluation:
    """Evaluate, write metrics.json and episodes.mp4, print the result.

    The environment, its cameras and the preprocessing are those of the checkpoint.
    """
    check_mode(config.preflight)
    set_threads(config.threads)
    source = config.checkpoint or run_folder(config, config.stage) / "checkpoint.pt"
    checkpoint = Checkpoint.load(Path(source))
    name = "evaluate" if config.stage == "finetune" else f"evaluate_{config.stage}"
    folder = Path(config.output) if config.output else run_folder(config, name)
    agent = checkpoint.build(choose_device(config.device))
    check_fit(checkpoint, config.preflight)
    env = spec_env(checkpoint.spec)
    try:
        policy = AgentPolicy(agent, deterministic=True)
        return _evaluate(config, env, policy, folder, str(source))
    finally:
        env.close()


def check_fit(checkpoint: Checkpoint, mode: str) -> None:
    """The environment as it is now against the one that the agent was trained in, and against the
    demonstrations if they still are where they were."""
    env = spec_env(checkpoint.spec)
    try:
        spec = env.unwrapped.pixel_spec
        mismatches = compare_specs(checkpoint.spec, spec, "the checkpoint")
        if (spec.proprio, spec.cameras) != (checkpoint.spec.proprio, checkpoint.spec.cameras):
            sentence = f"{spec.name} now has other cameras or proprioception than the checkpoint"
            mismatches.append(Mismatch(sentence, wrong=True))
        judge(mismatches + _pictures(checkpoint, env), mode)
    finally:
        env.close()


def _pictures(checkpoint: Checkpoint, env: PixelEnv) -> list[Mismatch]:
    """None where the demonstrations are gone."""
    data, spec = DataConfig(**checkpoint.config["data"]), checkpoint.spec
    path = Path(data.path or task_data(TaskConfig(**checkpoint.config["task"])))
    if not path.is_file():
        return []
    return check_picture(
        path,
        env,
        cameras=spec.cameras,
        image_size=spec.image_size,
        proprio_keys=data.proprio_keys or list(spec.proprio),
    )


def _evaluate(
    config: EvaluateConfig, env: PixelEnv, policy: AgentPolicy, folder: Path, source: str
) -> Evaluation:
    count = config.episodes or config.scale.evaluation_episodes
    shown: list[Episode] = []

    def episodes():
        for number in tqdm(range(count), desc="evaluate", unit="episode"):
            film = number < config.videos
            seed = episode_seed("evaluate", 0, number)
            episode = rollout(env, policy, seed, record_states=film)
            if film:
                shown.append(episode)
            yield episode

    result = summarise(episodes())
    folder.mkdir(parents=True, exist_ok=True)
    if shown:
        write_video(folder / "episodes.mp4", env, shown)
    with whole_file(folder / "metrics.json") as partial:
        content = {"checkpoint": source, **result.to_dict()}
        partial.write_text(json.dumps(content, indent=2) + "\n")
    print(f"evaluate: {env.unwrapped.pixel_spec.name}, {result}")
    return result
