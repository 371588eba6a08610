"""Laws of the report, on the files that the stages leave behind."""

import csv
import shlex
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from calql_vision import cli
from calql_vision.analysis.outcome import SuccessCount, final_success, offline_success
from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.engine.metrics_log import MetricsLog
from calql_vision.figures import pages
from calql_vision.runs.evaluation import EvaluatedCheckpoint, Evaluation
from calql_vision.runs.launch import Launch, typed
from calql_vision.runs.layout import RunFolder
from calql_vision.runs.record import read_runs
from calql_vision.stages import report
from calql_vision.stages.finetune import FinetuneConfig
from calql_vision.stages.pretrain import PretrainConfig
from calql_vision.stages.report import ReportConfig

TASK = "tabletop/lift"
CONFIGS = {"pretrain": PretrainConfig, "finetune": FinetuneConfig}
LEARNING = {
    "td_loss": 0.5,
    "q_data": -20.0,
    "q_random": -25.0,
    "q_policy": -22.0,
    "return_to_go": -23.0,
    "bound_rate": 0.2,
    "bound_rate_success": 0.4,
    "penalty": 3.0,
    "entropy": 1.0,
    "temperature": 0.5,
}


def evaluation(successes: int, episodes: int) -> dict:
    return {
        "evaluation/success_rate": successes / episodes,
        "evaluation/success_low": 0.1,
        "evaluation/success_high": 0.9,
        "evaluation/episodes": episodes,
    }


def write_stage(root, stage: str, words: list[str], rows: dict[int, dict]):
    """The folder that a training stage with these words on its command line leaves."""
    register(stage, CONFIGS[stage])
    config: Any = OmegaConf.to_object(composed(stage, words))
    folder = root / TASK / config.algo.label / f"seed{config.seed}" / stage
    config.save(folder / "config.yaml")
    with typed(stage, words):
        Launch.now(stage).save(folder)
    log = MetricsLog(folder)
    for step, row in rows.items():
        log.write(step, row)
    log.close()
    return folder


def write_pretrain(root, *words: str):
    row = LEARNING | {"updates_per_second": 12.5}
    return write_stage(root, "pretrain", list(words), {100: row, 200: row | evaluation(1, 5)})


def write_finetune(root, successes: list[int], *words: str):
    rows = {0: evaluation(1, 5)}
    for number, success in enumerate(successes, start=1):
        online = {"online/success": success, "online/length": 10, "updates": 200 + 20 * number}
        rows[10 * number] = LEARNING | online
    return write_stage(root, "finetune", list(words), rows)


def write_evaluate(run, successes: list[bool], stage: str = "finetune", selected: bool = False):
    folder, found = RunFolder(run).evaluation(stage, selected), np.array(successes)
    with typed("evaluate", [f"stage={stage}", f"episodes={len(found)}"]):
        launch = Launch.now("evaluate")
    evaluation = Evaluation(found, found.astype(float), 10 + 0 * found)
    EvaluatedCheckpoint(stage, "checkpoint.pt", evaluation, launch, selected).save(folder)
    (folder / "episodes.mp4").write_bytes(b"a film")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two complete seeds of one method, and one of another that was only pre-trained."""
    root = tmp_path_factory.mktemp("project") / "runs"
    for seed, online, final in ((0, [0, 1, 1, 0], [1, 1, 1, 0]), (1, [1, 1, 1, 0], [1] * 4)):
        folder = write_pretrain(root, f"seed={seed}", "algo.batch_size=17")
        write_finetune(
            root, online, f"seed={seed}", "scale=smoke", "algo.online.updates_per_step=2.0"
        )
        write_evaluate(folder.parent, [bool(success) for success in final])
    write_pretrain(root, "algo=cql", "seed=7", "++task.kwargs.start_region=0.5")
    return root


@pytest.fixture(scope="module")
def page(runs):
    """Made by the command itself: hydra must not stand in its own way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["calql-vision", "report"])
        patch.chdir(runs.parent)
        cli.main()
    return runs.parent / "reports" / TASK / "index.html"


def summary(page) -> dict[tuple[str, str], dict[str, str]]:
    with (page.parent / "tables" / "summary.csv").open() as file:
        return {(row["method"], row["seed"]): row for row in csv.DictReader(file)}


class Addresses(HTMLParser):
    """What a page would load, and its text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.tags, self.text = [], set(), ""
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        names = ("src", "href", "poster", "srcset", "data")
        self.found += [value for name, value in attributes if name in names]

    def handle_data(self, data):
        self.text += data


def test_page_names_every_run(page):
    text = " ".join(Addresses(page).text.split())
    for words in ("cal_ql2 seeds", "cqlseed 7", "seed 0", "seed 1", "in 3 runs"):
        assert words in text


def test_page_needs_nothing_but_itself(page):
    addresses = Addresses(page)
    assert len(addresses.found) == 4 + 2  # figures and films
    assert all(address.startswith("data:") for address in addresses.found)
    assert not {"link", "script", "iframe"} & addresses.tags
    assert "url(" not in page.read_text()
    assert "@import" not in page.read_text()


def test_figures_stand_beside_the_page(page):
    names = {path.name for path in (page.parent / "figures").iterdir()}
    assert names == {"success.png", "regret.png", "calibration.png", "learning.png"}
    assert not list(page.parent.rglob("*.partial"))


def test_regret_is_the_mean_failure_of_online_episodes(page):
    rows = summary(page)
    assert float(rows["cal_ql", "0"]["regret"]) == 0.5
    assert float(rows["cal_ql", "1"]["regret"]) == 0.25
    assert float(rows["cal_ql", "all"]["regret"]) == 0.375
    assert "0.38 (0.25–0.50)" in page.read_text()


def test_regret_curve_runs_over_environment_steps(page):
    with (page.parent / "tables" / "regret.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == "0"]
    assert [int(row["env_steps"]) for row in rows] == [10, 20, 30, 40]
    assert [float(row["regret"]) for row in rows] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 2])


def test_seeds_are_pooled_for_wilsons_interval(page):
    row = summary(page)["cal_ql", "all"]
    assert (row["final_successes"], row["final_episodes"]) == ("7", "8")
    # 7 of 8: (7/8 + z²/16 ± z sqrt(7/512 + z²/256)) / (1 + z²/8) with z = 1.959964
    assert float(row["final_low"]) == pytest.approx(0.52911, abs=1e-4)
    assert float(row["final_high"]) == pytest.approx(0.97758, abs=1e-4)


def test_updates_count_both_stages(page):
    assert float(summary(page)["cal_ql", "0"]["updates"]) == 200 + 4 * 10 * 2


def test_run_without_fine_tuning_is_shown(page):
    row = summary(page)["cql", "7"]
    assert (row["offline_successes"], row["offline_episodes"]) == ("1", "5")
    assert row["final_rate"] == row["regret"] == row["env_steps"] == ""


def test_commands_give_the_configurations_back(runs, page):
    given = [shlex.split(c)[1:] for run in read_runs(runs, TASK).runs for c in run.commands]
    assert {stage for stage, *_ in given} == {"pretrain", "finetune", "evaluate"}
    made = [
        OmegaConf.to_container(composed(stage, words))
        for stage, *words in given
        if stage in CONFIGS
    ]
    stored = [OmegaConf.to_container(OmegaConf.load(p)) for p in runs.rglob("config.yaml")]
    assert sorted(map(str, made)) == sorted(map(str, stored))
    text = Addresses(page).text
    assert all(shlex.join(["calql-vision", *words]) in text for words in given)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no rows"),
        ("step,td_loss\n", "no rows"),
        ("step,td_loss\n1,0.5\n2\n", "line 3 has 1 cells, the header 2"),
        ("step,td_loss\n1,many\n", "'many'"),
        ("step\n2\n1\n", "go backwards"),
        ("step,td_loss\n,0.5\n", "missing"),
    ],
)
def test_damaged_table_is_left_out_by_name(tmp_path, content, complaint):
    damaged = write_pretrain(tmp_path) / "metrics.csv"
    damaged.write_text(content)
    results = read_runs(tmp_path, TASK)
    assert results.runs[0].training["pretrain"].metrics is None
    assert len(results.warnings) == 1
    assert str(damaged) in results.warnings[0]
    assert complaint in results.warnings[0]


def test_page_stands_and_warns_when_everything_is_damaged(tmp_path, capsys):
    folder = write_pretrain(tmp_path / "runs")
    write_evaluate(folder.parent, [True])
    data, evaluation = tmp_path / "lift.hdf5", folder.parent / "evaluate" / "metrics.json"
    files = [folder / "metrics.csv", folder / "config.yaml", evaluation, data]
    for path in files:
        path.write_text("step")
    page = report.run(
        ReportConfig(runs=str(tmp_path / "runs"), data=str(data), output=str(tmp_path / "out"))
    )
    printed, text = capsys.readouterr().err, page.read_text()
    for path in files:
        assert str(path) in printed
        assert str(path) in text


def test_evaluations_before_and_after_fine_tuning_stand_side_by_side(tmp_path):
    folder = write_pretrain(tmp_path).parent
    write_evaluate(folder, [True, False, True], stage="pretrain")
    (run,) = read_runs(tmp_path, TASK).runs
    assert offline_success(run) == SuccessCount(2, 3)
    assert final_success(run) is None
    write_evaluate(folder, [True, True])
    (run,) = read_runs(tmp_path, TASK).runs
    assert (offline_success(run).episodes, final_success(run).episodes) == (3, 2)
    assert run.videos["pretrain"] != run.videos["finetune"]


def test_demonstrations_are_shown(tmp_path, small_spec, random_episode):
    write_pretrain(tmp_path / "runs")
    data = tmp_path / "lift.hdf5"
    with EpisodeWriter(data, small_spec, versions={}, next_obs=True) as writer:
        for seed, success in enumerate((True, False, True)):
            writer.append(random_episode(small_spec, 5, success, seed))
    page = report.run(
        ReportConfig(runs=str(tmp_path / "runs"), data=str(data), output=str(tmp_path / "out"))
    )
    assert "3, of which 2 successful (67%)" in page.read_text()
    assert (page.parent / "figures" / "demonstrations.png").stat().st_size > 0


def test_no_run_says_how_to_make_one(tmp_path):
    with pytest.raises(ValueError, match="calql-vision pretrain task=lift"):
        report.run(ReportConfig(runs=str(tmp_path), output=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_failure_while_drawing_leaves_nothing(runs, tmp_path, monkeypatch):
    def fail(figure):
        raise MemoryError

    monkeypatch.setattr(pages, "png", fail)
    with pytest.raises(MemoryError):
        report.run(ReportConfig(runs=str(runs), output=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()
