"""Which column of a file becomes which column of a catalog."""

from collections.abc import Mapping, Sequence

from pipeline.catalogs.record import Catalog, LoadError


def pair(
    catalog: Catalog, found: Sequence[str], chosen: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the file's column for each of the catalog's columns that it has.

    Parameters
    ----------
    catalog : Catalog
        What is wanted.
    found : sequence of str
        The file's columns; upper and lower case and outer blanks do not count.
    chosen : mapping of str to str, optional
        The operator's own pairs, ours to theirs; they go before every accepted name.

    Raises
    ------
    LoadError
        If a required column is missing or ``chosen`` names one that does not exist.
    """
    theirs: dict[str, str] = {}
    for name in found:
        theirs.setdefault(_plain(name), name)
    wanted = dict(chosen or {})
    pairs: dict[str, str] = {}
    missing: list[str] = []
    for column in catalog.columns:
        names = [wanted.pop(column.name)] if column.name in wanted else column.names
        match = next((theirs[_plain(n)] for n in names if _plain(n) in theirs), None)
        if match is not None:
            pairs[column.name] = match
        elif column.is_required or len(names) != len(column.names):
            missing.append(f"{column.name} (accepted: {', '.join(names)})")
    if wanted:
        ours = ", ".join(column.name for column in catalog.columns)
        raise LoadError(f"{catalog.name} has no column {', '.join(wanted)}; it has: {ours}")
    if missing:
        raise LoadError(
            f"{catalog.name}: the file has no column for {'; '.join(missing)}. "
            f"Found: {', '.join(name.strip() for name in found)}. "
            "Pair columns by hand with --column OURS=THEIRS."
        )
    return pairs


def _plain(name: str) -> str:
    return name.strip().strip('"').strip().casefold()
