"""What the team of one telescope gets in Slack: its own tiles, and buttons to take them."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.gw import blocks, buttons
from pipeline.gw import cards_words as words
from pipeline.gw.blocks import Message, escape
from pipeline.gw.cards import LINK

_TILE_HEADINGS = "rank   tile       RA      DEC     prob  start UTC"
_IN_ORDER = "Tiles in the order of observing. "
_OF_AREA = f"{_IN_ORDER}prob: that the source lies in that tile."
_OF_GALAXIES = f"{_IN_ORDER}prob: its galaxies' share of the weight of all that were looked at."


@dataclass(frozen=True)
class Tile:
    """One line of a telescope's plan; position [deg, ICRS], start in UTC."""

    rank: int
    tile_id: int
    ra_deg: float
    dec_deg: float
    probability: float
    start_at: datetime


@dataclass(frozen=True)
class TelescopeTiles:
    """What one telescope's team gets.

    Attributes
    ----------
    trigger_id, telescope : str
        For which event, for whom.
    reference : str
        Comes back with each button: the plan's id.
    tiles : tuple of Tile
        In the order of observing.
    dark_until : datetime or None
        End of the site's night, UTC.
    local_time : str
        The same in the site's own time, such as ``22:12 local``; may be empty.
    owncloud : str or None
        Address of its files.
    has_galaxies : bool
        Whether tiles were chosen by their galaxies.
    holders : str
        Who has which tiles, in words; may be empty.
    """

    trigger_id: str
    telescope: str
    reference: str
    tiles: tuple[Tile, ...]
    dark_until: datetime | None = None
    local_time: str = ""
    owncloud: str | None = None
    has_galaxies: bool = False
    holders: str = ""


def telescope_tiles(plan: TelescopeTiles) -> Message:
    """Return the message that holds one telescope's own plan."""
    count = len(plan.tiles)
    title = f"🔭 {plan.telescope}: {count} tiles for {plan.trigger_id}"
    reference = plan.reference
    return blocks.message(
        title,
        blocks.header(title),
        blocks.section([_dark(plan)]),
        blocks.table([_TILE_HEADINGS, *(_tile(each) for each in plan.tiles)]) if count else None,
        blocks.section([f"*Taken:* {escape(plan.holders, blocks.MAX_FIELD)}"])
        if plan.holders
        else None,
        blocks.actions(
            [
                buttons.CLAIM_TILES.block(reference) if count else None,
                buttons.CLAIM_ALL_TILES.block(reference) if count else None,
                buttons.CANNOT_OBSERVE.block(reference),
                buttons.OBSERVATION_DONE.block(reference) if count else None,
                blocks.link_button("📁 Files", f"{LINK}owncloud", plan.owncloud),
            ]
        ),
    )


def _dark(plan: TelescopeTiles) -> str:
    if not plan.tiles:
        return "No tiles to observe."
    about = _OF_GALAXIES if plan.has_galaxies else _OF_AREA
    if plan.dark_until is None:
        return about
    until = f"Dark until *{words.short_moment(plan.dark_until)} UTC*"
    local = f" ({escape(plan.local_time)})" if plan.local_time else ""
    return f"{until}{local}. {about}"


def _tile(tile: Tile) -> str:
    return (
        f"{tile.rank:>4} {tile.tile_id:>6} {tile.ra_deg:>8.4f} {tile.dec_deg:>+8.4f} "
        f"{words.fine_percent(tile.probability):>8}  {tile.start_at:%d %b %H:%M:%S}"
    )
