"""The step that shows a notice's sky map in its thread, below the card; only this step draws."""

from pipeline.alerts.skymap_files import SkyMapError
from pipeline.clients.slack import Picture
from pipeline.gw import deliver
from pipeline.gw.pictures import sky_map_picture
from pipeline.gw.skymap import SkyMap
from pipeline.gw.steps import Done, Outcome, Skip, Step, Wait
from pipeline.gw.tables import OPEN_STEP_STATES
from pipeline.gw.tell import PATIENCE_S
from pipeline.gw.tell_view import card_state, event_of, map_of, now


def picture(step: Step) -> Outcome:
    """Show the map of a notice, once its card stands."""
    card = card_state(step)  # before the event: a card posted meanwhile is seen in its row
    event = event_of(step)
    row = event.row
    if event.end is not None or row.state == "superseded":
        return Skip(f"the notice was {row.state} before its map was shown")
    if not (row.channel and row.thread_ts and row.message_ts):
        if card in OPEN_STEP_STATES:
            return Wait(PATIENCE_S, "the notice's card is not posted yet")
        return Skip("the notice has no card")
    fits = map_of(row)
    if fits is None:
        return Skip("the notice has no map")
    try:
        drawn = sky_map_picture(event.alert(row), SkyMap.from_fits(fits), now())
    except SkyMapError as error:
        return Skip(f"the map cannot be drawn: {error}")
    name = f"{row.trigger_id}-{row.reception_count}.png"
    title = f"Sky map of {row.trigger_id}, N°{row.reception_count}"
    address = deliver.Address(row.channel, "picture", str(row.id_gw), row.thread_ts, row.id_gw)
    deliver.show(address, Picture(name, drawn.png, title, drawn.alt_text))
    return Done()
