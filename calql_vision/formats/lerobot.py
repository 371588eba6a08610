"""What reading and writing a LeRobot dataset, version 3.0, share: files and names.

    meta/info.json                               fps, features, paths of the rest
    meta/stats.json                              of every feature, over the data set
    meta/tasks.parquet                           the tasks in words, and their numbers
    meta/episodes/chunk-000/file-000.parquet     a row per episode: where it lies, its statistics
    data/chunk-000/file-000.parquet              a row per frame, many episodes in a file
    videos/<camera>/chunk-000/file-000.mp4       the frames of the same episodes, one after another
    meta/env_args.json                           ours: the environment; LeRobot does not look at it

A frame is an observation and the action that follows, so that the observation after the last
action is not stored. Source: https://huggingface.co/docs/lerobot/lerobot-dataset-v3
"""

from pathlib import Path
from types import ModuleType

from calql_vision.datasets.hdf5_layout import DatasetError

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
ENV_ARGS = "meta/env_args.json"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
STATE, ACTION, CAMERA = "observation.state", "action", "observation.images."
REWARD, DONE, SUCCESS = "next.reward", "next.done", "next.success"


def is_lerobot(path: Path) -> bool:
    """Whether a folder is a dataset of LeRobot, of any version."""
    return (path / INFO).is_file()


def parquet(path: Path) -> ModuleType:
    """pyarrow.parquet, which `path` needs; an error that says how to install it."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError(
            f"{path}: a LeRobot dataset needs pyarrow: pip install 'calql-vision[lerobot]'"
        ) from error
    return pyarrow.parquet
