"""The tables of a report: their columns and what each of them means."""

from collections.abc import Callable, Sequence
from typing import Any

from calql_vision.analysis.dip import EARLY, WINDOW
from calql_vision.analysis.outcome import SuccessCount
from calql_vision.analysis.regret_decomposition import RegretDecomposition
from calql_vision.analysis.seed_intervals import REFERENCE, SeedIntervals
from calql_vision.analysis.summary import SummaryRow
from calql_vision.figures.number_text import amount, duration, mean_and_range, or_never
from calql_vision.figures.page_table import Cell, PageColumn, PageTable, RowHead, seeds_of
from calql_vision.runs.intervals import Interval


def success(count: SuccessCount | None) -> Cell:
    """8 %, and under it 1–35 % of 12; an alarm where nothing succeeded."""
    if count is None:
        return Cell()
    low, high = (100 * bound for bound in count.interval)
    under = f"{low:.0f}–{high:.0f} % of {count.episodes}"
    return Cell(f"{100 * count.rate:.0f} %", under, alarm=count.successes == 0)


def interval(found: Interval | None) -> Cell:
    if found is None:
        return Cell()
    value, low, high = (f"{number:.2f}".replace("-", "−") for number in found)
    return Cell(value, f"{low} to {high}")


def _words(column: str, text: Callable[[Any], str]) -> Callable[[Any], Cell]:
    """A cell without small letters."""
    return lambda row: Cell(text(getattr(row, column)))


RESULTS = (
    PageColumn(
        "success after pre-training",
        "As the stage evaluate counted it, else the last periodic evaluation; of methods that do "
        "not pre-train, the untrained policy. Underneath Wilson's 95 % interval and the number of "
        "episodes; a method's row pools its seeds, without the variation between them.",
        lambda row: success(row.offline),
    ),
    PageColumn(
        "success after fine-tuning",
        "As the stage evaluate counted it, on start states used nowhere else.",
        lambda row: success(row.final),
    ),
    PageColumn(
        "success of the selected checkpoint",
        "Of each run the checkpoint of fine-tuning that did best in the periodic evaluations: "
        "selected on those validation episodes, evaluated on the start states of the last one.",
        lambda row: success(row.selected),
    ),
    PageColumn(
        "action error",
        "Without an environment nothing can succeed: mean distance of a number of the policy's "
        "action from the demonstrator's, of a range of 2, on demonstrations that were held out. A "
        "small one is no promise of success.",
        _words("action_error", lambda values: mean_and_range(values, 3)),
    ),
    PageColumn(
        "Q error",
        "Mean |Q − return that followed| on the same demonstrations.",
        _words("q_error", lambda values: mean_and_range(values, 2)),
    ),
    PageColumn(
        "cumulative regret",
        "Mean of 1 − success over all online episodes, exploration included; lower is better. In "
        "brackets, here and to the right: lowest to highest seed.",
        _words("regret", lambda values: mean_and_range(values, 2)),
    ),
    PageColumn(
        "dip",
        f"Success after pre-training minus the lowest success of {WINDOW} successive online "
        f"episodes among the first {EARLY}; negative where it never was as low as before.",
        _words("depths", lambda values: mean_and_range(values, 2)),
    ),
    PageColumn(
        "episodes to recover",
        f"Online episodes until the last {WINDOW} succeed as often as before going online.",
        lambda row: Cell(or_never(row.episodes("recovery"))),
    ),
    PageColumn(
        "episodes to 90 %",
        f"Online episodes until 90 % of the last {WINDOW} succeed.",
        lambda row: Cell(or_never(row.episodes("to_goal"))),
    ),
    PageColumn(
        "training time",
        "Of both stages with their periodic evaluations, on this machine as busy as it was.",
        _words("wall_seconds", duration),
    ),
)

EFFORT = (
    PageColumn("environment steps", "", _words("env_steps", amount)),
    PageColumn("updates", "Gradient steps of both stages.", _words("updates", amount)),
    PageColumn(
        "updates per second",
        "Of pre-training, without its evaluations.",
        _words("updates_per_second", lambda values: mean_and_range(values, 1)),
    ),
    PageColumn("training time", "", _words("wall_seconds", duration)),
)

SEEDS = (
    PageColumn(
        "success after fine-tuning, IQM",
        "Interquartile mean of the seeds; of three seeds the plain mean. Underneath, here and to "
        "the right: 95 % stratified bootstrap intervals over seeds, by rliable's definitions "
        "(Agarwal et al., 2021, arXiv 2108.13264). Of few seeds they are too narrow to be trusted "
        "by themselves.",
        lambda row: interval(row.final),
    ),
    PageColumn("cumulative regret, IQM", "Likewise.", lambda row: interval(row.regret)),
    PageColumn(
        f"{REFERENCE} ends higher",
        f"Probability that a seed of {REFERENCE} ends with more success than one of the method; "
        "ties count one half, 0.5 is no difference.",
        lambda row: interval(row.beaten_final),
    ),
    PageColumn(
        f"{REFERENCE} has less regret", "Likewise.", lambda row: interval(row.beaten_regret)
    ),
)

PARTS = (
    PageColumn("fine-tuning", "", lambda row: Cell(row.when.split(" ")[0])),
    PageColumn(
        "V*",
        "Discounted value of the best policy known, over the same start states for every method. "
        "Underneath, here and to the right: lowest to highest seed, or of a single seed the 95 % "
        "bootstrap interval over start states.",
        lambda row: interval(row.optimum),
    ),
    PageColumn(
        "max Q", "What the critic promises of the best action.", lambda row: interval(row.q_best)
    ),
    PageColumn("V^π", "What the policy obtains.", lambda row: interval(row.reached)),
    PageColumn("miscalibration", "V* − max Q.", lambda row: interval(row.miscalibration)),
    PageColumn("over-estimation", "max Q − V^π.", lambda row: interval(row.over_estimation)),
    PageColumn("regret", "V* − V^π, the sum of both.", lambda row: interval(row.regret)),
    PageColumn(
        "Q(s, π) ≥ V^μ",
        "Share of states of successful demonstrations in which the policy's own action is worth at "
        "least the return that the demonstration obtained from there.",
        lambda row: interval(row.covered),
    ),
)


def results_table(rows: Sequence[SummaryRow]) -> PageTable:
    """Every method, followed by its seeds if there are several."""
    shown = [row for row in rows if row.seed is not None or row.seeds > 1]
    return PageTable.of(RESULTS, [(_head(row, rows), row) for row in shown])


def effort_table(rows: Sequence[SummaryRow]) -> PageTable:
    return PageTable.of(EFFORT, [(_head(row, rows), row) for row in rows if row.seed is None])


def seeds_table(rows: Sequence[SeedIntervals]) -> PageTable:
    return PageTable.of(SEEDS, [(RowHead("method", r.label, seeds_of(r.seeds)), r) for r in rows])


def parts_table(rows: Sequence[RegretDecomposition]) -> PageTable:
    """A method's name stands in the first of its rows."""
    heads = [
        RowHead("method", row.label, seeds_of(row.seeds))
        if number == 0 or rows[number - 1].label != row.label
        else RowHead("seed", "")
        for number, row in enumerate(rows)
    ]
    return PageTable.of(PARTS, list(zip(heads, rows, strict=True)))


def _head(row: SummaryRow, rows: Sequence[SummaryRow]) -> RowHead:
    """The only seed of a method is its row."""
    if row.seed is None:
        return RowHead("method", row.label, seeds_of(row.seeds))
    seed, alone = f"seed {row.seed}", sum(other.label == row.label for other in rows) == 2
    return RowHead("method", row.label, seed) if alone else RowHead("seed", seed)
