"""Metrics, dashboards, alarms and their page name the same things."""

import json
import re

import pytest
import yaml

from broker import metrics_table
from broker.config import ROOT

FOLDER = ROOT / "compose" / "metrics"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARDS = {file.stem: json.loads(file.read_text()) for file in FOLDER.glob("grafana/*.json")}
PANELS = [panel for board in DASHBOARDS.values() for panel in board["panels"]]
QUERIES = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
OTHERS = {"up", "process_resident_memory_bytes"}
"""Prometheus' own, and the library's."""
WORDS = {"and", "or", "unless", "offset", "by", "without", "on", "ignoring", "group_left", "bool"}
SUFFIXES = ("_bucket", "_sum", "_count")


def names_in(query):
    """Return the names of series that a query asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", query)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\w+", " ", bare)
    found = re.findall(r"(?<![\w.$])([a-zA-Z_]\w*)\b(?!\s*\()", bare)
    return {name for name in found if name not in WORDS}


def declared(name):
    """Return the metric that a series belongs to, or None."""
    known = metrics_table.names()
    for suffix in SUFFIXES:
        base = name.removesuffix(suffix)
        if base != name and known.get(base, ("",))[0] == "histogram":
            return base
    return name if name in known and known[name][0] != "histogram" else None


USED = {name for query in (*QUERIES, *(rule["expr"] for rule in RULES)) for name in names_in(query)}


def test_a_query_is_taken_apart():
    query = 'sum by (a) (rate(x_total{b="c"}[5m])) / ignoring(a) group_left sum(y_sum offset 10m) or vector(0)'

    assert names_in(query) == {"x_total", "y_sum"}


@pytest.mark.parametrize("name", sorted(USED - OTHERS))
def test_what_dashboards_and_alarms_ask_for_is_served(name):
    assert declared(name)


@pytest.mark.parametrize("name", sorted(metrics_table.names()))
def test_what_is_served_is_asked_for(name):
    assert name in {declared(each) for each in USED}


def test_the_pages_table_is_what_is_declared():
    assert metrics_table.PAGE.read_text() == metrics_table.page(), "run manage.py metrics_table"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_says_what_is_amiss_and_what_to_do_and_stands_in_the_page(rule):
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "action"}
    assert f"**{rule['alert']}**" in metrics_table.PAGE.read_text()


def test_there_are_three_dashboards_of_the_form_that_grafana_takes():
    assert len(DASHBOARDS) == 3
    for stem, board in DASHBOARDS.items():
        assert board["uid"] == stem
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        for panel in board["panels"]:
            assert panel["title"]
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            for target in panel.get("targets", ()):
                assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=DASHBOARDS)
def test_no_panel_hides_another(board):
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
