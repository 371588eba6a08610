"""config.yaml: what a run is about, and with which settings it was trained."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.returns import RewardConfig
from calql_vision.datasets.whole_file import whole_file


@dataclass
class TaskConfig:
    """The task, what is seen of it and how the future is discounted."""

    name: str = option("tabletop/lift", '"family/task", what make_env takes')
    dataset: str | None = option(
        None, "the demonstrations' own name, where a task has several kinds"
    )
    cameras: list[str] | None = option(None, "names, in order; null: the family's own choice")
    image_size: int | None = option(
        None, "side of the square images, pixels; null: the family's own", within="[1, 4096]"
    )
    horizon: int | None = option(
        None, "steps; null: the task's own, or what demonstrations need", within="[1, 1e6]"
    )
    discount: float = option(0.97, "gamma, per step", within="[0, 1)")
    effort: float = option(
        1.0, "factor on the amounts of training that `scale` sets", within="(0, 1e3]"
    )
    kwargs: dict[str, Any] = option({}, "further arguments of make_env")
    collect_kwargs: dict[str, Any] = option({}, "arguments of make_env that differ for `collect`")
    demonstrations: float = option(
        1.0, "factor on the number of episodes to collect that `scale` sets", within="(0, 1e3]"
    )
    noise: float | None = option(
        None,
        "action noise of the demonstrations' expert, 0 is perfect; null: the expert's own",
        within="[0, 10]",
    )

    @property
    def label(self) -> str:
        """Folder of everything that belongs to the task with these demonstrations."""
        return self.dataset or self.name

    @property
    def data_path(self) -> Path:
        """Where its demonstrations lie unless the configuration says otherwise.

        A task that is a file, "robosuite/<file.hdf5>", has them there.
        """
        return self.file or Path("data") / f"{self.label}.hdf5"

    @property
    def file(self) -> Path | None:
        """The file whose environment the task is, where it is one."""
        place = self.name.partition("/")[2]
        return Path(place) if place.endswith((".hdf5", ".h5")) else None


@dataclass
class ScaleConfig:
    """Amounts for a task of ordinary effort; `task.effort` multiplies those of training."""

    episodes: int = option(150, "demonstrations to collect", within="[1, 5e5]")
    updates: int = option(4000, "gradient steps of pre-training", within="[1, 1e9]")
    value_travels: float = option(
        2.0, "... or so many times what a value needs to travel, where more", within="[0, 1e3]"
    )
    online_steps: int = option(2500, "environment steps of fine-tuning", within="[1, 1e9]")
    log_every: int = option(
        200, "gradient steps of pre-training per row of metrics", within="[1, 1e9]"
    )
    evaluations: int = option(5, "periodic evaluations per training stage", within="[0, 1e5]")
    validation_episodes: int = option(25, "episodes of each periodic evaluation", within="[1, 5e5]")
    evaluation_episodes: int = option(100, "episodes of the stage `evaluate`", within="[1, 5e5]")
    longest_episode: int | None = option(
        None,
        "steps that end an episode, demonstrations apart; null: only the time limit does",
        within="[1, 1e6]",
    )


@dataclass
class DataConfig:
    """Which demonstrations, and what of them."""

    path: str | None = option(None, "the file; null: data/<task>.hdf5")
    filter_key: str | None = option(None, "an entry of the file's mask group; null: all demos")
    proprio_keys: list[str] | None = option(
        None, "which proprioception, in order; null: that of the environment"
    )
    memory_budget: str | None = option("8GiB", "pixels beyond this stay on disk; null: never")
    gpu_budget: str | None = option(
        "4GiB", "pixels of demonstrations, and of experience, that a GPU keeps; null: none"
    )
    frame_store: str | None = option(None, "folder for pixels on disk; null: <path>.frames")
    sharded: bool = option(
        False, "under torchrun: a rank holds the pixels of its own share alone; false: all of them"
    )


@dataclass
class RolloutsConfig:
    """Who steps environments. All but `lag` changes the time alone."""

    engine: str = option("local", "local: processes of this machine; ray: actors of a Ray cluster")
    workers: int = option(
        1,
        "how many, each with an environment of its own; a local one is this process",
        within="[1, 4096]",
    )
    lag: int = option(
        0,
        "episodes that are made while one is learnt from: each acts by weights so many older",
        within="[0, 4096]",
    )
    address: str | None = option(
        None, "of a Ray cluster; null: RAY_ADDRESS, or else one is started here"
    )


@dataclass
class RunConfig:
    """What both training stages are told.

    Where it is read back, the options of algorithm and encoder stay plain values: their classes
    are the agents' and the encoders' own.
    """

    task: TaskConfig = field(default_factory=TaskConfig)
    algo: Any = None
    encoder: Any = None
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    data: DataConfig = field(default_factory=DataConfig)
    rollouts: RolloutsConfig = field(default_factory=RolloutsConfig)
    seed: int = option(0, "of the run", within="[0, 999]")
    device: str = option("auto", "auto, cpu or cuda")
    compile: str = option(
        "auto",
        "auto: graph wherever it can be, else none; graph: an update is one CUDA graph, the same "
        "bit for bit; inductor: networks by torch.compile; none",
    )
    precision: str = option(
        "fp32", "of learning: fp32, tf32 (on a GPU) or bf16 (the encoders alone, all else fp32)"
    )
    threads: int | None = option(
        None, "torch's on the CPU; null: as many as cores", within="[1, 1024]"
    )
    output: str | None = option(None, "folder; null: runs/<task>/<algo>/seed<seed>/<stage>")
    overwrite: bool = option(False, "start anew: replace a finished or interrupted run")
    checkpoint_every: float | None = option(
        None,
        "seconds between states from which a killed run goes on, each at a row of metrics; "
        "null: as often as half a percent of the time pays for",
        within="[0, 1e6]",
    )
    wandb: str | None = option(None, "project in Weights & Biases; null: not used")
    preflight: str = option(
        "refuse", "what to do if data or checkpoint cannot fit the environment: refuse or warn"
    )

    @property
    def data_path(self) -> Path:
        """The demonstrations' file."""
        return Path(self.data.path) if self.data.path else self.task.data_path

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, those of a stage's own keys included."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "RunConfig":
        """Of `to_dict`; keys that only one of the stages has are left out.

        Raises ValueError for what no stage would have written.
        """
        missing = {"task", "algo", "scale", "data", "seed"} - set(plain)
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        known = {key: plain[key] for key in (f.name for f in fields(RunConfig)) if key in plain}
        try:
            found = RunConfig(
                **known | {key: group(**known.get(key, {})) for key, group in _GROUPS}
            )
        except TypeError as error:
            raise ValueError(f"it has keys of another version ({error})") from error
        check_ranges(found)
        return found

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        with whole_file(path) as partial:
            OmegaConf.save(OmegaConf.create(self.to_dict()), partial)

    @classmethod
    def load(cls, path: Path) -> "RunConfig":
        """Raises ValueError, or yaml's YAMLError, for what is no such file."""
        try:
            content: Any = OmegaConf.to_container(OmegaConf.load(path))
        except (OSError, OmegaConfBaseException) as error:
            raise ValueError(f"it cannot be read: {str(error).splitlines()[0]}") from error
        if not isinstance(content, dict):
            raise ValueError("it holds no keys")
        return cls.from_dict(content)


_GROUPS = (
    ("task", TaskConfig), ("scale", ScaleConfig), ("reward", RewardConfig), ("data", DataConfig),
    ("rollouts", RolloutsConfig),
)  # fmt: skip
