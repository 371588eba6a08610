"""Laws of what a report says of the switch, of several seeds and of diagnoses."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from calql_vision.analysis import outcome
from calql_vision.analysis.dip import WINDOW
from calql_vision.analysis.regret_decomposition import diagnosis_notes, regret_decompositions
from calql_vision.analysis.seed_intervals import seed_intervals
from calql_vision.engine.metrics_log import MetricsLog
from calql_vision.runs.config import RunConfig
from calql_vision.runs.diagnosis import (
    CheckpointDiagnosis,
    Diagnosis,
    Measurement,
    Pairs,
    StartValues,
)
from calql_vision.runs.evaluation import EvaluatedCheckpoint, Evaluation
from calql_vision.runs.launch import Launch, typed
from calql_vision.runs.record import TaskRuns, read_runs
from calql_vision.stages import compare, report

TASK = "tabletop/lift"
MEASUREMENT = Measurement(
    task=TASK,
    method="cal_ql",
    seed=0,
    discount=0.97,
    reward={},
    episodes=2,
    samples=7,
    optimum="the scripted expert without noise",
    best_action="best of some",
    data="data/lift.hdf5",
    filter_key="valid",
    held_out=False,
)


def write_run(root: Path, label: str, seed: int, online: list[int], final: list[bool]) -> Path:
    """A run with half of its offline episodes successful, as the stages would leave it."""
    folder = root / TASK / label / f"seed{seed}"
    offline = {"evaluation/success_rate": 0.5, "evaluation/episodes": 10, "wall_seconds": 60.0}
    steps = {
        10 * number: {"online/success": success, "online/length": 10, "wall_seconds": 3.0 * number}
        for number, success in enumerate(online, start=1)
    }
    for stage, rows in (("pretrain", {100: offline}), ("finetune", steps)):
        (folder / stage).mkdir(parents=True)
        RunConfig(algo={"label": label}, seed=seed).save(folder / stage / "config.yaml")
        log = MetricsLog(folder / stage)
        for step, row in rows.items():
            log.write(step, row)
        log.close()
    successes = np.array(final)
    evaluation = Evaluation(successes, successes.astype(float), 10 + 0 * successes)
    EvaluatedCheckpoint("finetune", "checkpoint.pt", evaluation, None).save(folder / "evaluate")
    return folder


def write_diagnosis(folder: Path, q_best: float) -> None:
    """Two start states and one state of a demonstration, before and after fine-tuning."""
    q, q_policy, returns = np.array([[-5.0, -4.0], [-4.0, -9.0], [-4.0, -4.0]])
    pairs = Pairs(q, q_policy, returns, np.array([True, True]))
    start = StartValues(*np.array([[-2.0, -4.0], [-8.0, -6.0], [q_best] * 2, [-9.0, -9.0]]))
    found = CheckpointDiagnosis(start, pairs, pairs)
    with typed("diagnose", ["episodes=2", "samples=7"]):
        launch = Launch.now("diagnose")
    both = {"pretrain": found, "finetune": found}
    Diagnosis(MEASUREMENT, checkpoints=both, launch=launch).save(folder / "diagnose")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three seeds of two methods; two seeds of cal_ql were diagnosed, cql was skipped."""
    root = tmp_path_factory.mktemp("project") / "runs"
    dip = [0] * WINDOW + [1] * WINDOW
    for seed in range(3):
        folder = write_run(root, "cal_ql", seed, dip[seed:], [True] * 3 + [False])
        if seed < 2:
            write_diagnosis(folder, q_best=-4.0 - 2 * seed)
        folder = write_run(root, "cql", seed, [0] * 2 * WINDOW, [seed == 0, True, False, True])
        Diagnosis(None, skipped="cql has no critic").save(folder / "diagnose")
    return root


@pytest.fixture(scope="module")
def page(runs):
    output = str(runs.parent / "reports")
    return report.run(report.ReportConfig(runs=str(runs), data="none.hdf5", output=output))


def table(page: Path, name: str) -> list[dict[str, str]]:
    with (page.parent / "tables" / name).open() as file:
        return list(csv.DictReader(file))


def test_the_headline_measures_the_switch(page):
    rows = {(row["method"], row["seed"]): row for row in table(page, "summary.csv")}
    one = rows["cal_ql", "0"]
    assert (float(one["dip"]), float(one["episodes_to_recover"])) == (0.5, WINDOW * 1.5)
    assert float(one["episodes_to_90"]) == WINDOW * 1.9
    assert float(one["wall_seconds"]) == 60 + 3 * 2 * WINDOW
    never = rows["cql", "all"]
    assert (never["episodes_to_recover"], never["episodes_to_recover_never"]) == ("", "3")
    text = page.read_text()
    for heading in ("dip", "episodes to recover", "episodes to 90 %", "training time"):
        assert f"<th>{heading}</th>" in text
        assert f"<dt>{heading}</dt>" in text, "and what it means"
    assert "<td><span>never</span></td>" in text


def test_seeds_are_summarised_by_rliables_numbers(runs, page):
    cal_ql, cql = seed_intervals([read_runs(runs, TASK)])
    assert cal_ql.final == (0.75, 0.75, 0.75)
    assert cal_ql.beaten_final is None, "nothing is compared with itself"
    assert cql.final.value == pytest.approx((0.75 + 0.5 + 0.5) / 3)
    assert cql.beaten_final.value == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert cql.beaten_regret == (1, 1, 1), "less regret is better"
    assert [row["label"] for row in table(page, "across_seeds.csv")] == ["cal_ql", "cql"]


def test_tasks_are_compared_on_one_page(runs, tmp_path):
    shutil.copytree(runs / TASK, tmp_path / "runs/tabletop/other")
    shutil.rmtree(tmp_path / "runs/tabletop/other/cql/seed2")
    shutil.copytree(runs / TASK, tmp_path / "runs" / TASK)
    config = compare.CompareConfig(
        [TASK, "tabletop/other"], None, str(tmp_path / "runs"), str(tmp_path / "out")
    )
    text = compare.run(config).read_text()
    figures = [tmp_path / "out" / name for name in ("success.png", "regret.png")]
    assert all(figure.read_bytes().startswith(b"\x89PNG") for figure in figures)
    assert not {"http://", "https://", "<script", "<link"} & set(
        re.findall(r"https?://|<\w+", text)
    )
    parts = re.split(r"<h2>(.*)</h2>", text)
    first, second, together = (
        parts[parts.index(title) + 1] for title in (TASK, "tabletop/other", "All tasks together")
    )
    assert head("cql", "3 seeds") in first
    assert head("cql", "2 seeds") in second
    assert "Across seeds" in first
    assert "<span>0.58</span>" in first, "the interquartile mean of three seeds"
    assert head("cal_ql", "3 seeds") in together
    assert ">cql<" not in together, "with two seeds on one task it has no interval"


def head(label: str, under: str) -> str:
    return f"</span>{label}<small>{under}</small>"


def test_a_page_has_no_column_in_which_nothing_stands(tmp_path):
    for label in ("bc", "cal_ql"):
        write_run(tmp_path, label, 0, [1] * 5, [True])
    text = compare.run(compare.CompareConfig([TASK], None, str(tmp_path), str(tmp_path / "o")))
    headings = re.findall(r"<th>([a-z][^<]*)</th>", text.read_text())
    assert "success after fine-tuning" in headings
    assert not {"dip", "episodes to recover", "V*"} & set(headings)


def test_chosen_methods_alone_are_compared_in_their_order(runs, tmp_path):
    def page(*methods):
        config = compare.CompareConfig([TASK], [*methods], str(runs), str(tmp_path))
        return compare.run(config).read_text()

    found = re.findall(r"</span>(\w+)<small>3 seeds", page("cql", "cal_ql"))
    assert found[:2] == ["cql", "cal_ql"]
    assert ">cal_ql<" not in page("cql", "iql")
    assert "methods=[cql,iql]" in page("cql", "iql"), "the command is given back"
    with pytest.raises(ValueError, match="no run of iql; there are cal_ql, cql"):
        page("iql")


def test_methods_are_summarised_over_the_tasks_that_all_of_them_share(runs):
    results = read_runs(runs, TASK)
    _, cql = seed_intervals([results, results])
    assert cql.final.value == pytest.approx((0.5 * 2 + 0.75 + 0.5) / 4), "of six runs, two go"
    assert cql.beaten_final.value == pytest.approx((1 / 2 + 1 + 1) / 3)
    lonely = TaskRuns("other", results.methods["cql"], [])
    assert [row.label for row in seed_intervals([results, lonely])] == ["cql"]


def test_two_seeds_have_no_interval(tmp_path):
    for seed in range(2):
        write_run(tmp_path, "cal_ql", seed, [1], [True])
    results = read_runs(tmp_path, TASK)
    assert seed_intervals([results]) == []
    assert outcome.dip(results.runs[0]) is None
    page = report.run(report.ReportConfig(runs=str(tmp_path), output=str(tmp_path / "out")))
    text = " ".join(page.read_text().split())
    assert "need at least 3 seeds" in text
    assert text.count("no run was diagnosed") == 2


def test_regret_is_taken_apart_across_seeds(runs, page):
    before, after = regret_decompositions(read_runs(runs, TASK))
    assert (before.label, before.when, before.seeds) == ("cal_ql", "before fine-tuning", 2)
    assert before.miscalibration == (2, 1, 3)  # V* is -3, max Q is -4 and -6
    assert before.over_estimation == (2, 1, 3)  # V^pi is -7
    assert before.regret == (4, 4, 4)
    assert after.covered == (0.5, 0.5, 0.5)
    assert len(table(page, "regret_parts.csv")) == 2


def test_diagnoses_are_drawn_and_explained(runs, page):
    names = {path.name for path in (page.parent / "figures").iterdir()}
    assert {"returns.png", "decomposition.png"} <= names
    notes = " ".join(diagnosis_notes(read_runs(runs, TASK)))
    assert "V* is the value of the scripted expert without noise" in notes
    assert "training saw them too" in notes
    assert "Left out: cql has no critic" in notes
    assert "Left out: cql has no critic" in page.read_text()


def test_the_command_of_a_diagnosis_is_given_back(runs, page):
    command = "calql-vision diagnose episodes=2 samples=7"
    assert [run.commands for run in read_runs(runs, TASK).runs] == [[command]] * 2 + [[]] * 4
    assert page.read_text().count(command) == 1, "the same line once"


def test_training_time_is_known_only_if_both_stages_tell(tmp_path):
    folder = write_run(tmp_path, "cal_ql", 0, [1], [True])
    metrics = folder / "pretrain/metrics.csv"
    metrics.write_text(metrics.read_text().replace("wall_seconds", "something"))
    assert outcome.wall_seconds(read_runs(tmp_path, TASK).runs[0]) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04broken"])
@pytest.mark.parametrize("name", ["diagnosis.json", "calibration.npz"])
def test_a_damaged_diagnosis_is_left_out_by_name(tmp_path, name, content):
    folder = write_run(tmp_path, "cal_ql", 0, [1], [True])
    write_diagnosis(folder, q_best=-4.0)
    (folder / "diagnose" / name).write_bytes(content)
    results = read_runs(tmp_path, TASK)
    assert results.runs[0].diagnosis is None
    assert "diagnosis.json is damaged" in results.warnings[0]
