"""Opens a training run in its folder: rank 0 writes there, other ranks learn along."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from calql_vision.agents import Agent
from calql_vision.agents.ranks import from_all_ranks, rank, wait_for_all_ranks
from calql_vision.engine.experience import Experience
from calql_vision.engine.held_out import HeldOut
from calql_vision.engine.rollouts import open_rollouts
from calql_vision.engine.training_run import TrainingRun
from calql_vision.runs.config import RunConfig
from calql_vision.runs.episode_log import EpisodeLog
from calql_vision.runs.folder_lock import folder_lock
from calql_vision.runs.layout import EPISODES, RunFolder
from calql_vision.runs.opening import remove_partial_files
from calql_vision.runs.state import RunState
from calql_vision.types import PixelEnv


@contextmanager
def training_run(
    config: RunConfig,
    stage: str,
    env: PixelEnv | HeldOut,
    agent: Agent,
    total: int,
    inputs: dict[str, int],
    experience: Experience | None = None,
) -> Iterator[TrainingRun]:
    """A run that holds its folder, and whose state is saved whatever ends it."""
    place = RunFolder.of(config.task, config.algo.label, config.seed).training(stage)
    folder = Path(config.output) if config.output else place
    if rank() > 0:
        follower = FollowingRun(config, stage, env, agent, folder, total, inputs, experience)
        wait_for_all_ranks()
        yield follower
        return
    made = nullcontext() if isinstance(env, HeldOut) else open_rollouts(config, env, agent)
    with folder_lock(folder), made as rollouts:
        remove_partial_files(folder)
        run = TrainingRun(config, stage, env, agent, folder, total, inputs, experience, rollouts)
        wait_for_all_ranks()  # until they have read, too, where the run goes on
        try:
            yield run
        except BaseException as stop:
            for note in run.interrupted():
                stop.add_note(note)
            raise
        finally:
            run.close()


class FollowingRun(TrainingRun):
    """Of a rank that learns along: it reads where the run goes on, and writes nothing."""

    def validate(self) -> dict[str, float]:
        return {}

    def reached(self, step: int, row: dict[str, float]) -> None:
        self.progress.step = step
        if step > 0:
            from_all_ranks(self.agent.generator.get_state())
        if self.experience:
            self.experience.forget_unwritten()

    def judge_convergence(self) -> None:
        """Rank 0 does, by the metrics that it writes."""

    def finish(self) -> Path:
        return self.folder

    def _go_on(self, state: RunState) -> None:
        if self.restored(state) and self.experience:
            # Rank 0 cuts the log at the same place.
            self.experience.restore(EpisodeLog(self.folder / EPISODES, state.progress.log_bytes))
