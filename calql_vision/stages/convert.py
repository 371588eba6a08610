"""Other people's data into a pixel file of robomimic's layout, or into another format."""

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.disk_space import DiskFullError
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.hdf5_select import Selection
from calql_vision.datasets.hdf5_write import check_storage
from calql_vision.datasets.progress import progress
from calql_vision.datasets.whole_file import check_output, whole_file
from calql_vision.engine.finished_demos import FinishedDemos, fingerprint
from calql_vision.engine.recorded_environment import Wishes, recorded_environment
from calql_vision.engine.replay import Storage, assemble, render
from calql_vision.formats import Format, recognised, writable
from calql_vision.formats.choice import Choice
from calql_vision.formats.format import EpisodeWriter, WriteOptions
from calql_vision.formats.hdf5 import PixelFile
from calql_vision.formats.pixels import EpisodeBuilder
from calql_vision.formats.raw_episode import PixelSource
from calql_vision.formats.states import Recordings
from calql_vision.runs.config import RolloutsConfig
from calql_vision.runs.launch import software_versions, typed_command
from calql_vision.types import EnvSpec


@dataclass
class ConvertConfig:
    """Simulator states, or another project's images -> a pixel file in robomimic's layout.

    The source may be a robomimic file with states, a folder of robosuite's
    DataCollectionWrapper, a Minari or a LeRobot dataset, or a folder of .npz episodes.
    """

    source: str = option("", "path of a file or a folder; what it is, it shows itself")
    output: str | None = option(None, "path of the result; null: beside the source, named after it")
    format: str = option(
        "hdf5",
        "of the result: hdf5 (robomimic's layout), lerobot (a folder, v3.0) or another package's",
    )
    env: str | None = option(None, '"family/task" that it comes from; null: as the source says')
    env_kwargs: dict[str, Any] = option({}, "further arguments of make_env")
    cameras: list[str] | None = option(
        None, "in order; null: those of the source, or the family's own"
    )
    image_size: int | None = option(
        None,
        "side of the square images, pixels; null: the source's, or the family's own",
        within="[1, 4096]",
    )
    proprio_keys: list[str] | None = option(
        None, "names of stored observations; null: the source's own choice"
    )
    rename: dict[str, str] = option({}, "other names for cameras and proprioception, {old: new}")
    success: str | None = option(
        None, "reward, termination or all tells success; null: the source's mark"
    )
    reward_threshold: float | None = option(
        None,
        "with success=reward: the reward from which on a step succeeds; null: any above 0",
        within="[-1e9, 1e9]",
    )
    rescale_actions: bool = option(False, "their range, as the source states it, onto [-1, 1]")
    control_hz: float | None = option(
        None, "steps per second, where the source does not say", within="(0, 1e6]"
    )
    lossless: bool = option(False, "lerobot: images as PNG in the tables instead of MP4")
    instruction: str | None = option(
        None, "lerobot: the task in words; null: the environment's name"
    )
    gzip: bool = option(False, "smaller, slower to read")
    next_obs: bool = option(False, "store every observation twice, and the last one at all")
    done_mode: int = option(
        2, "dones are 1: 0 in success, 1 at the last step, 2 both", within="[0, 2]"
    )
    rollouts: RolloutsConfig = field(default_factory=RolloutsConfig)
    overwrite: bool = option(False, "replace an existing result")


def run(config: ConvertConfig) -> Path:
    """Convert, and say what was written.

    States are rendered as robomimic does it, names, masks, attributes and all but observations
    are kept, and an interrupted run goes on where it was; see `calql_vision.engine.replay`.
    Episodes with images are taken over. Raises DatasetError for a source that cannot be
    converted, ValueError for an impossible configuration.
    """
    check_ranges(config)
    if not config.source:
        raise ValueError("source is not set; give source=<a file or a folder>")
    source = Path(config.source)
    found = recognised(source)
    _check_options(config)
    output = Path(config.output or _beside(source, config))
    _check_output(config, output)
    if found.has_states and config.format == "hdf5":
        _render(found.open(source), output, config)
    else:
        _take_over(found, source, output, config)
    print(f"{output}: {_bytes(output) / 1e6:.1f} MB")
    return output


def _beside(source: Path, config: ConvertConfig) -> Path:
    place = source.resolve()
    name = place.stem if place.is_file() else place.name
    return source.parent / f"{name}_{writable(config.format).ending}"


def _check_options(config: ConvertConfig) -> None:
    writable(config.format)
    check_storage(_compression(config), config.done_mode)


def _check_output(config: ConvertConfig, output: Path) -> None:
    check_output(output, config.overwrite)
    form = writable(config.format)
    if output.is_dir() and not form.recognise(output):
        raise ValueError(f"{output} is a folder, not {form.summary}: choose another output")


def _compression(config: ConvertConfig) -> str | None:
    return "gzip" if config.gzip else None


def _bytes(path: Path) -> int:
    return sum(size for _, size, _ in fingerprint(path))


# Simulator states ------------------------------------------------------------------------------


def _render(recordings: Recordings, output: Path, config: ConvertConfig) -> None:
    wishes = Wishes(config.env, config.env_kwargs, config.cameras, config.image_size)
    rebuild, spec = recorded_environment(recordings, wishes)
    finished = FinishedDemos(output, _identity(spec, config))
    try:
        storage = Storage(_compression(config), config.next_obs, config.done_mode)
        render(recordings, rebuild, finished, storage, config.rollouts)
        with whole_file(output) as path:
            assemble(recordings, finished, spec, path)
    except DiskFullError as error:
        raise DiskFullError(
            f"{error}; finished demos are kept in {finished.folder}, the same command goes on"
        ) from error
    except ValueError:
        finished.remove()  # the same again would find the same fault
        raise
    finished.remove()


def _identity(spec: EnvSpec, config: ConvertConfig) -> dict[str, Any]:
    """What the result depends on."""
    options = asdict(config)
    for name in ("output", "rollouts", "overwrite"):
        del options[name]
    return {
        "source": fingerprint(Path(config.source)),
        "options": options,
        "environment": spec.to_dict(),
        "versions": software_versions(),
    }


# Images ----------------------------------------------------------------------------------------


def _take_over(found: Format, source: Path, output: Path, config: ConvertConfig) -> None:
    opened = _pixel_source(found, source, config)
    builder = EpisodeBuilder(opened, _choice(config))
    with _open(output, builder.spec, config) as writer:
        for episode in progress(builder, "convert", len(opened), unit="episode"):
            writer.append(episode)


def _pixel_source(found: Format, source: Path, config: ConvertConfig) -> PixelSource:
    if not found.has_states:
        return found.open(source)
    if source.is_dir():
        raise DatasetError(f"{source}: holds states alone; convert it to an HDF5 file first")
    return PixelFile(source, Selection(cameras=config.cameras, proprio_keys=config.proprio_keys))


def _choice(config: ConvertConfig) -> Choice:
    given = asdict(config)
    names = set(Choice.__dataclass_fields__) - {"stores_last"}
    stores_last = config.format == "hdf5" and config.next_obs
    return Choice(**{name: given[name] for name in names}, stores_last=stores_last)


def _open(
    output: Path, spec: EnvSpec, config: ConvertConfig
) -> AbstractContextManager[EpisodeWriter]:
    options = WriteOptions(
        versions=software_versions(),
        command=typed_command(),
        instruction=config.instruction or spec.name,
        lossless=config.lossless,
        compression=_compression(config),
        next_obs=config.next_obs,
        done_mode=config.done_mode,
    )
    write = writable(config.format).write
    assert write is not None, "writable refuses others"
    return write(output, spec, options)
