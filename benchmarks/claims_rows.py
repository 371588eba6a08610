"""The claims of docs/results.md: which data, methods and seeds each of them is measured on.

Settings are chosen on seeds and recordings from 100 on; what is reported has numbers below that.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

ONLINE = ("task.effort=1", "scale.updates=4000", "scale.online_steps=4000")
LIFT = "task=robosuite/Lift"
PRECISE = ("scale.validation_episodes=100",)  # dips are told from chance; learning is the same
SMALL = (LIFT, *ONLINE, "task.image_size=48")
LONGER = ("scale.online_steps=5000",)  # twice the default
# Episodes of 60 to 200 steps: the default of 2500 steps holds too few of them.
HARDER = ("task.image_size=48", *LONGER)
BASELINES = ("bc", "bc_rlpd", "rlpd", "iql", "awac", "wsrl", "td3_bc")


@dataclass(frozen=True)
class Cell:
    """One run: pre-training, fine-tuning and an evaluation after each."""

    row: str
    data: str  # label of the task's data, and of the folder of its runs
    method: str
    seed: int
    words: tuple[str, ...]  # what is typed besides these

    @property
    def name(self) -> str:
        return f"{self.data.replace('/', '-')}-{self.method}-seed{self.seed}"

    @property
    def file(self) -> Path:
        """Where its result is kept."""
        return Path("docs/claims") / self.row / f"{self.name}.json"


@dataclass(frozen=True)
class Row:
    """One claim: every method on all of its data with all of its seeds."""

    name: str
    claim: str
    data: dict[str, tuple[str, ...]]  # label -> the words that choose it
    methods: dict[str, tuple[str, ...]]  # label -> the words that choose it
    seeds: tuple[int, ...]

    def together(self) -> dict[str, list[str]]:
        """Which data are summed up and drawn as one: recordings of one size; every task alone."""
        groups: dict[str, list[str]] = {}
        for data in self.data:
            folder, _, name = data.rpartition("/")
            groups.setdefault(folder if folder.startswith("recordings") else name, []).append(data)
        return groups

    def cells(self) -> list[Cell]:
        """In an order in which the first ones say most."""
        return [
            Cell(self.name, data, method, seed, (*self.data[data], *self.methods[method]))
            for method, seed, data in product(self.methods, self.seeds, self.data)
        ]


def methods(*names: str, words: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    return {name: (f"algo={name}", *words) for name in names}


def without(**parts: str) -> dict[str, tuple[str, ...]]:
    """The default, and the default without one of its parts each."""
    ablations = {
        name: ("algo=cal_ql", f"algo.label=no_{name}", *words.split())
        for name, words in parts.items()
    }
    return methods("cal_ql") | {f"no_{name}": words for name, words in ablations.items()}


def recordings(*numbers: int, words: tuple[str, ...] = SMALL) -> dict[str, tuple[str, ...]]:
    """Recordings of robosuite's own scripts, by their seed and at the size that `words` ask for."""
    size = "48" if "task.image_size=48" in words else "84"
    labels = {n: f"recordings_{size}/{n}" for n in numbers}
    return {label: (*words, f"task.dataset={label}") for label in labels.values()}


def tasks(*names: str, words: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    return {
        (name if "/" in name else f"tabletop/{name}"): (f"task={name}", *words) for name in names
    }


ROWS = [
    Row(
        "recordings",
        "Five recordings of robosuite's own scripts, 48x48",
        recordings(1, 2, 3, 4, 5),
        methods("cal_ql", "cql", words=PRECISE) | methods(*BASELINES),
        (0,),
    ),
    Row(
        "recordings_84",
        "One such recording at 84x84, by the words of docs/robomimic.md",
        recordings(1, words=(LIFT,)),
        methods("cal_ql"),
        (0, 1, 2),
    ),
    Row(
        "narrow",
        "Few demonstrations, all from the middle of the table",
        tasks("lift_narrow", "pick_place_narrow", words=ONLINE),
        methods("cal_ql", "rlpd", "bc_rlpd"),
        (1, 2, 3, 4, 5),
    ),
    Row(
        "tabletop",
        "The five tabletop tasks, 150 demonstrations of which half fail",
        tasks("lift", "pick_place", words=PRECISE)
        | tasks("push", words=(*PRECISE, *LONGER))
        | tasks("drawer", "reach", words=PRECISE),
        methods("cal_ql"),
        (0, 1, 2),
    ),
    Row(
        "robosuite",
        "Scripted demonstrations of harder tasks of robosuite, 48x48",
        tasks("robosuite/Stack", "robosuite/PickPlaceCan", words=HARDER),
        methods("cal_ql"),
        (0,),
    ),
    Row(
        "ablations",
        "The default without each of its parts",
        recordings(1) | tasks("lift_narrow", words=ONLINE),
        without(
            cloning_alone="algo.q_weight=1",
            averaged_actor="algo.averaged_actor=false",
            own_encoder="algo.own_actor_encoder=false",
            bound="algo.bounded_target=false",
            averaged_encoder="algo.averaged_encoder=false",
            warmup="algo.online.warmup_steps=0",
            penalty_end="algo.online.options.penalty_until=null",
            cloning_online="algo.online.options.cloning_weight=0",
            calibration="algo.calibrated=false",
        ),
        (0,),
    ),
]
