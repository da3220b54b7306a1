"""Where a survey is named outside of its own module: the list for who adds one, kept true."""

import ast

import pytest

from compose.native.home import ROOT
from pipeline.surveys import NAMES

PLACES = {
    "pipeline/alerts/batch.py": "zero point of its difference flux",
    "pipeline/alerts/classify.py": "flowchart",
    "pipeline/alerts/decide.py": "catalog that its flowchart asks",
    "pipeline/alerts/explain.py": "flowchart in words",
    "pipeline/alerts/field_docs.py": "texts of its schema's fields",
    "pipeline/alerts/gate.py": "gates, and settings of their thresholds",
    "pipeline/alerts/partial_ids.py": "how its names begin",
    "pipeline/alerts/query_alerts.py": "keys of the published client's model",
    "pipeline/alerts/query_objects.py": "keys of the published client's model",
    "pipeline/alerts/query_photometry.py": "programid of its public alerts",
    "pipeline/alerts/schemas.py": "order of `survey_matches` on the wire",
    "pipeline/alerts/steady.py": "test alerts",
    "pipeline/alerts/steady_cutouts.py": "cutouts of test alerts",
    "pipeline/alerts/trace.py": "catalog that its flowchart asks",
    "pipeline/clients/alerce.py": "names of its ids at ALeRCE, and its clock",
    "pipeline/filters/antares_extendedness_filter.py": "whose loci it is asked about",
    "pipeline/filters/extendedness.py": "whose alerts it selects",
    "pipeline/filters/locus.py": "which survey's packet becomes a locus of ANTARES",
    "pipeline/lasair/message.py": "names of its ids at Lasair, and its clock",
    "pipeline/selected/antares_messages.py": "whose loci are taken from ANTARES",
    "pipeline/selected/sources.py": "whose alerts are collected",
    "pipeline/surveys/cutouts.py": "whose packets carry points of others",
    "pipeline/topics.py": "stream, topics, classes, the other survey",
    "pipeline/web/api/tracks.py": "whose alerts have fits",
    "pipeline/web/filter_pages.py": "examples of lines",
    "pipeline/web/search_form.py": "the form of a whole name",
    "pipeline/web/search_pages.py": "whose names are numbers",
    "pipeline/web/topic_pages.py": "whose flowchart has a footprint",
}
"""What is said of single surveys there; the simulator and the demo are about these two alone."""
OWN = {f"pipeline/surveys/{name}.py" for name in NAMES}
APART = ("pipeline/simulate/", "pipeline/management/", "pipeline/migrations/")
SQL = {"pipeline/alerts/query.py": "which rows are public", "pipeline/alerts/query_pages.py": "ids"}
"""Named inside of a statement."""


def sources(pattern):
    for file in sorted((ROOT / "pipeline").rglob(pattern)):
        place = str(file.relative_to(ROOT))
        if place not in OWN and not place.startswith(APART):
            yield place, file.read_text()


def words(text):
    """Return every text that stands alone in a source."""
    return {
        node.value.lower()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_list_of_places_that_name_a_survey_is_whole():
    named = {place for place, text in sources("*.py") if words(text) & set(NAMES)}

    assert named == set(PLACES)


def test_statements_name_a_survey_in_known_places_alone():
    quoted = tuple(f"'{name}'" for name in NAMES)

    named = {
        place
        for place, text in sources("*.py")
        if any(each in word for word in words(text) for each in quoted)
    }

    assert named == set(SQL)


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_survey_by_itself(name):
    quoted = (f'"{name}"', f"'{name}'")

    assert [
        place for place, text in sources("*.html") if any(each in text for each in quoted)
    ] == []
