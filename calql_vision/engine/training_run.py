"""One training run: everything written in its folder, and how it goes on after an interruption."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor
from tqdm import tqdm

from calql_vision.agents import Agent
from calql_vision.agents.ranks import from_all_ranks, rank, ranks
from calql_vision.datasets.progress import progress, warn
from calql_vision.engine.acceleration import accelerate, compilation
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.convergence import diverged_critic, unconverged_critic
from calql_vision.engine.evaluation import evaluation_row, summarise
from calql_vision.engine.experience import Experience
from calql_vision.engine.held_out import HeldOut
from calql_vision.engine.metrics_log import MetricsLog
from calql_vision.engine.observation_film import EPISODES, ObservationFilm
from calql_vision.engine.pace import Pace
from calql_vision.engine.rollouts import Rollouts
from calql_vision.engine.seeds import sampling_generator
from calql_vision.runs.config import RunConfig
from calql_vision.runs.episode_log import EpisodeLog
from calql_vision.runs.launch import Launch, machine, versions
from calql_vision.runs.layout import BEST, CHECKPOINT, CONFIG, STATE
from calql_vision.runs.layout import EPISODES as EPISODE_LOG
from calql_vision.runs.live import LiveState
from calql_vision.runs.metrics import Column
from calql_vision.runs.opening import interrupted_run, remove_results
from calql_vision.runs.state import Progress, RunState, said_when_damaged
from calql_vision.types import PixelEnv

UNITS = {"pretrain": "update", "finetune": "step"}


class TrainingRun:
    """Counts, logs and evaluates, and keeps a copy of the state at a late row of metrics.

    Nothing of an older run in the folder is touched before the first row: only then is it known
    that the new one works.
    """

    def __init__(
        self,
        config: RunConfig,
        stage: str,
        env: PixelEnv | HeldOut,
        agent: Agent,
        folder: Path,
        total: int,
        inputs: dict[str, int],
        experience: Experience | None = None,
        rollouts: Rollouts | None = None,
    ):
        """`total` steps of the stage; `inputs` are checksums of what the run is made of."""
        self.config, self.stage, self.env, self.agent = config, stage, env, agent
        self.folder, self.total, self.inputs, self.experience = folder, total, inputs, experience
        self.rollouts = rollouts
        self.generator = sampling_generator(config.seed, stage)
        self.progress = Progress()
        self.log: MetricsLog | None = None  # None until the first row
        self._episodes: EpisodeLog | None = None
        self._waiting: list[tuple[int, dict[str, float]]] = []
        self._possible = config.reward.possible_returns(config.task.discount)
        self._finished = False
        self._warnings: list[str] = []
        self._film: bytes | None = None  # of the last evaluation, until it is shown
        self._draws: list[Tensor] = []  # states of all ranks' generators at the last row
        self._circumstances = circumstances(agent.device, compilation(agent, config))
        accelerate(agent, config)
        state = interrupted_run(folder, config.overwrite)
        if state:
            self._go_on(state)
        self._started = perf_counter() - self.progress.seconds
        self._copying, self._saving = Pace(config.checkpoint_every), Pace(config.checkpoint_every)
        with self._copying.work():
            self._state = self._present_state()

    @property
    def step(self) -> int:
        """Updates of pretrain or environment steps of finetune that are done."""
        return self.progress.step

    @property
    def learning_seconds(self) -> float:
        """Of the whole run so far, without periodic evaluations."""
        return perf_counter() - self._started - self.progress.validation_seconds

    def bar(self) -> tqdm:
        """The progress bar, which begins where the run is."""
        unit = UNITS[self.stage]
        begun = min(self.step, self.total)  # the last episode may go beyond
        return progress(total=self.total, initial=begun, desc=self.stage, unit=unit)

    def validate(self) -> dict[str, float]:
        """A periodic evaluation: deterministic policy, always the same start states, or the same
        held-out demonstrations."""
        began = perf_counter()
        if isinstance(self.env, HeldOut):
            row = self.env.examine(self.agent)
        else:
            row = self._rolled_out(self.env)
        self.progress.validation_seconds += perf_counter() - began
        return row

    def _rolled_out(self, env: PixelEnv) -> dict[str, float]:
        assert self.rollouts, "where there is an environment there are rollouts"
        count, film = self.config.scale.validation_episodes, ObservationFilm()
        episodes = self.rollouts.deterministic("validate", count, with_images=EPISODES)
        result = summarise(film.watch(episodes))
        self._film = film.gif(env.pixel_spec.control_hz)
        return evaluation_row(result)

    def reached(self, step: int, row: dict[str, float]) -> None:
        """The end of a row of metrics, from which the run can go on."""
        self._waiting.append((step, row | {Column.WALL_SECONDS: perf_counter() - self._started}))
        self.progress.step = step
        if step == 0:
            return  # nothing is learnt yet: the row waits for the first one that shows it can be
        self._begin()
        self._write()
        self._keep_best(row)
        self._draws = from_all_ranks(self.agent.generator.get_state())
        if self._copying.due():
            with self._copying.work():
                self._state = self._present_state()
        if self._saving.due():
            with self._saving.work():
                self._save_state()

    def _begin(self) -> None:
        """With the first row the folder becomes this run's."""
        if self.log is None:
            with self._saving.work():
                self._save_state()
            remove_results(self.folder)
            self.config.save(self.folder / CONFIG)
            Launch.now(self.stage).save(self.folder)
            self._open()

    def _open(self) -> None:
        done = self.progress
        plain = self.config.to_dict()
        self.log = MetricsLog(self.folder, self.config.wandb, done.rows, done.step, plain)
        if self.experience:
            self._episodes = EpisodeLog(self.folder / EPISODE_LOG, done.log_bytes)

    def _write(self) -> None:
        """Experience and rows since the last time."""
        assert self.log
        if self.experience and self._episodes:
            self.experience.write(self._episodes)
            self.progress.log_bytes = self._episodes.size
        for step, row in self._waiting:
            self.log.write(step, row)
            self._warn_of_divergence(row)
        self.progress.rows += len(self._waiting)
        self._waiting.clear()
        if self._film:
            self.log.show(self.step, self._film)
            self._film = None
        self._save_live()

    def _save_live(self) -> None:
        """For whoever watches."""
        unit, seconds = UNITS[self.stage], perf_counter() - self._started
        live = LiveState(self.stage, unit, self.step, self.total, seconds, self._warnings)
        live.save(self.folder)

    def _warn_of_divergence(self, row: dict[str, float]) -> None:
        """Once, if the critic has diverged."""
        warning = diverged_critic(row["q_data"], self._possible) if "q_data" in row else None
        if warning and not self._warnings:
            self._warn(warning)

    def _warn(self, sentence: str) -> None:
        warn(sentence)
        self._warnings.append(sentence)

    def _keep_best(self, row: dict[str, float]) -> None:
        """Of equally good checkpoints the last, which has learnt longest."""
        rate, best = row.get(Column.SUCCESS_RATE), self.progress.best
        if rate is not None and (best is None or rate >= best):
            self._checkpoint(selected=True).save(self.folder / BEST)
            self.progress.best = rate

    def judge_convergence(self) -> None:
        """After pre-training: warn if it was too short, by its rows of metrics."""
        assert self.log
        history, returns = map(self.log.file.column, ("q_data", "return_to_go"))
        warning = unconverged_critic(history, returns[-1], self._possible) if history else None
        if warning:
            self._warn(warning)
            self._save_live()

    def finish(self) -> Path:
        """The finished run's checkpoint; what was kept to go on is removed."""
        path = self.folder / CHECKPOINT
        self._checkpoint().save(path)
        self._finished = True
        for name in (STATE, EPISODE_LOG):
            (self.folder / name).unlink(missing_ok=True)
        return path

    def close(self) -> None:
        for each in (self.log, self._episodes):
            if each is not None:
                each.close()

    # Interruptions ----------------------------------------------------------------------------

    def _present_state(self) -> RunState:
        """A copy, which training does not change."""
        return RunState(
            checkpoint=deepcopy(self._checkpoint().content()),
            progress=replace(self.progress, seconds=perf_counter() - self._started),
            batches=dict(self.generator.bit_generator.state),
            draws=self._draws,
            ahead=self.rollouts.ahead() if self.rollouts else [],
            inputs=self.inputs,
            circumstances=self._circumstances,
        )

    def _checkpoint(self, selected: bool = False) -> Checkpoint:
        steps, spec = self.step if self.stage == "finetune" else 0, self.env.pixel_spec
        return Checkpoint.of(self.agent, spec, self.config, self.stage, steps, selected)

    def _save_state(self) -> None:
        self._state.save(self.folder / STATE)

    def interrupted(self) -> list[str]:
        """Save the latest copy of the state, where there is one; returns what to tell."""
        if self.log is None or self._finished:
            return []
        self._save_state()
        return [f"{self.stage} goes on at {self._place(self._state.progress)}, same command"]

    def _place(self, done: Progress) -> str:
        return f"{UNITS[self.stage]} {done.step} of {self.total}"

    def restored(self, state: RunState) -> bool:
        """Agent, batches and progress as in `state`; whether it has more than the start."""
        path = self.folder / STATE
        state.check(path, self.stage, self.config.to_dict(), self.inputs)
        if state.progress.rows == 0:
            return False  # the start is what it would be anyway
        if len(state.draws) != ranks():
            raise ValueError(
                f"{path} holds an interrupted run of {len(state.draws)} ranks, and there are "
                f"{ranks()}; start as many, or set overwrite=true to start anew"
            )
        Checkpoint.from_content(path, state.checkpoint).restore(self.agent)
        with said_when_damaged(path):
            self.agent.generator.set_state(state.draws[rank()])
            self.generator.bit_generator.state = state.batches
        self.progress, self._draws = replace(state.progress), state.draws
        return True

    def _go_on(self, state: RunState) -> None:
        """Everything as it was at the end of that row."""
        if not self.restored(state):
            return
        self._open()
        if self.experience and self._episodes:
            self.experience.restore(self._episodes)
        if self.rollouts:
            with said_when_damaged(self.folder / STATE):
                self.rollouts.restore(state.ahead)
        print(f"{self.stage}: resumes at {self._place(state.progress)}")
        differing = state.differing_circumstances(self._circumstances)
        if differing:
            found = ", ".join(differing)
            warn(f"{found}: not exactly as an unbroken run")


def circumstances(device: torch.device, compiled: str) -> dict[str, str]:
    """What must be the same for the same numbers, bit for bit."""
    return {
        **versions(),
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processor": machine()["processor"],
        "compile": compiled,
    }
