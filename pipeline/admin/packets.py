"""A dead letter's packet on its page: framing, fields up to the broken byte, the bytes there.

Everything in a packet was written by somebody else: every text goes through Django's escaping.
"""

from collections.abc import Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from broker.admin import html_table
from broker.anatomy import Anatomy, hexdump
from broker.anatomy_apart import NotDissectedError, dissect_apart
from broker.avro_walk import Fault, Node
from pipeline.surveys.identify import schema_of

DEEPEST_INDENT = 6
NO_FIELD = "No field could be read."


def packet_html(packet: bytes, message: str) -> SafeString:
    """Return all that can be shown of a packet; it is taken apart in a process of its own."""
    try:
        found = dissect_apart(packet, schema_of(packet))
    except NotDissectedError as error:
        note = format_html(
            '<p class="errornote">{}: this packet is not shown decoded.</p>', str(error)
        )
        return format_html("{}{}", note, _dump_html(hexdump(packet), None))
    return anatomy_html(found, message)


def anatomy_html(found: Anatomy, message: str) -> SafeString:
    """Return an anatomy as tables; ``message`` says why the packet was buried."""
    return format_html(
        "{}{}<h3>Framing</h3>{}<h3>Fields</h3>{}",
        _faults_html(found.faults, message),
        _dump_html(found.dump, found.faults[0] if found.faults else None),
        html_table(("part", "reads"), [("size", f"{found.size_bytes} bytes"), *found.framing]),
        _fields_html(found.root) if found.root else format_html("<p>{}</p>", NO_FIELD),
    )


def _faults_html(faults: list[Fault], message: str) -> SafeString:
    if not faults:
        return format_html(
            '<p class="packet-whole">Its bytes decode to the last one. It was buried for what they '
            "say: {}</p>",
            message,
        )
    lines = format_html_join("", "<li>{}</li>", ((_fault_text(fault),) for fault in faults))
    return format_html('<ul class="packet-faults">{}</ul>', lines)


def _fault_text(fault: Fault) -> SafeString:
    where = format_html("byte {} of the {}", fault.at, fault.buffer)
    if fault.path:
        return format_html("{}, in <b>{}</b>: {}", where, fault.path, fault.why)
    return format_html("{}: {}", where, fault.why)


def _fields_html(root: Node) -> SafeString:
    rows = format_html_join(
        "",
        '<tr><th scope="row" class="packet-depth-{}">{}</th><td>{}</td><td>{}</td>'
        '<td class="packet-at">{}</td></tr>',
        (
            (min(depth, DEEPEST_INDENT), node.name, node.text, node.kind, node.at)
            for node, depth in _flat(root, 0)
        ),
    )
    return format_html(
        '<table class="packet-fields"><thead><tr><th>field</th><th>value</th><th>type</th>'
        "<th>byte</th></tr></thead><tbody>{}</tbody></table>",
        rows,
    )


def _flat(node: Node, depth: int) -> Iterator[tuple[Node, int]]:
    for child in node.children:
        yield child, depth
        yield from _flat(child, depth + 1)


def _dump_html(dump: list[tuple[str, str, str]], fault: Fault | None) -> SafeString:
    """Return a hex dump; the line of the fault is marked."""
    marked = None if fault is None else f"{fault.at // 16 * 16:08x}"
    lines = format_html_join(
        "\n",
        "{}",
        (
            (
                format_html(
                    "<mark>{}  {}  {}</mark>" if at == marked else "{}  {}  {}",
                    at,
                    f"{digits:<47}",
                    letters,
                ),
            )
            for at, digits, letters in dump
        ),
    )
    what = (
        "The first bytes of the packet:"
        if fault is None
        else f"The bytes around byte {fault.at} of the {fault.buffer}:"
    )
    return format_html('<p>{}</p><pre class="packet-dump">{}</pre>', what, lines)
