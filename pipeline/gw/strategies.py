"""Ways to choose where a telescope points: what each is called in rows, to people and on OwnCloud.

Adding one is a line here and its name in ``broker.sections.gw_plans.Strategy``, a function in
``plan_recipe.CHOOSERS``, and a migration of the two constraints;
``tests/contracts/test_strategies.py`` compares them.
"""

from dataclasses import dataclass

from broker.registry import by_name


@dataclass(frozen=True)
class StrategyKind:
    """One strategy.

    Attributes
    ----------
    name : str
        As in settings and rows.
    title : str
        For people.
    folder : str
        Begins the name of a group's folder, as GRANDMA's teams know it.
    """

    name: str
    title: str
    folder: str


TILING, GALAXIES = "tiling", "galaxies"
KINDS = (
    StrategyKind(TILING, "🧱 Tiling", "TILING"),
    StrategyKind(GALAXIES, "🌌 Galaxy targeting", "GALAXYTARGETING"),
)
NAMES = tuple(each.name for each in KINDS)
TITLES = {each.name: each.title for each in KINDS}


def strategy(name: str) -> StrategyKind:
    """Return the strategy called ``name``; KeyError names those that exist."""
    return by_name("strategy", name, KINDS)
