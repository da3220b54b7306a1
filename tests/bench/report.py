"""The figures as text."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from tests.bench import curves, filtering
from tests.bench.micro import SCHEMALESS

Figures = dict[str, Any]
WIDTH = 36
_PLOT = "![Rate over D by catalog rows, history and alerts per task](bench-curves.svg)\n\n"


def text(found: Figures) -> str:
    """Return the whole report."""
    return "\n".join(_lines(found)) + "\n"


def failures(found: Figures) -> list[str]:
    """Return why the run fails: books that do not balance, or that do not notice a fault."""
    blind = [name for name, said in found.get("spoilt", {}).items() if not said]
    return [*found["problems"], *(f"the books do not notice {name}" for name in blind)]


def markdown(found: Figures) -> str:
    """Return the report as a page of the documentation."""
    return (
        "# Benchmark\n\nOutput of `make bench`. What each line means, and the rules for quoting it:"
        " `tests/bench/`.\nNever quote alerts/s without the D of the same run.\n\n"
        f"{_PLOT if 'curves' in found else ''}```text\n{text(found)}```\n"
    )


def _lines(found: Figures) -> Iterator[str]:
    machine = found["machine"]
    yield (
        "off: machine-learned scores (not built), TLS (SASL over loopback), the web process; all"
        " else as in production, the servers' CPU counts"
    )
    yield f"not measured: {'; '.join(found['not_measured'])}"
    yield (
        f"{found['profile']} form, {found['date']}, commit {machine['commit']}, took"
        f" {found['took_s']} s"
    )
    yield (
        f"machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" kernel {machine['kernel']}"
    )
    names = (
        "python",
        "postgres",
        "kafka",
        "redis",
        "celery",
        "fastavro",
        "numpy",
        "confluent-kafka",
    )
    yield "versions: " + ", ".join(f"{name} {machine[name]}" for name in names)
    yield f"postgres: fsync {machine['fsync']}, synchronous_commit {machine['synchronous_commit']}"
    rows = ", ".join(f"{name} {count:,}" for name, count in found["catalog_rows"].items())
    yield f"catalogs: {rows} rows; history: 20 points and one earlier alert of every object"
    loop = found["calibration"]
    yield (
        f"calibration loop: {loop['min_us']:.0f} / {loop['median_us']:.0f} / {loop['max_us']:.0f}"
        " µs (min / median / max through the run)"
    )
    idle = found["idle_share_of_a_core"]
    yield "idle CPU [% of a core]: " + ", ".join(f"{n} {100 * s:.1f}" for n, s in idle.items())
    for survey, figures in found["surveys"].items():
        yield ""
        yield from _survey(survey, figures)
    yield ""
    if "curves" in found:
        yield from curves.lines(found["curves"])
        yield ""
    yield from _memory(found)
    yield ""
    yield from _goals(found["goals"])
    yield ""
    if not found["problems"]:
        yield "books: balanced"
    for name, said in found.get("spoilt", {}).items():
        yield f"books after {name}: {'; '.join(said) or 'NOTICED NOTHING'}"
    if wrong := failures(found):
        yield f"FAILED: the books do not hold ({len(wrong)})"
        yield from (f"  {problem}" for problem in wrong)


def _goals(found: Figures) -> Iterator[str]:
    if not found["judged"]:
        yield f"goals: none is judged, {found['none_because']}"
        return
    yield "goals (ZTF, and the curves)"
    for one in found["judged"]:
        if one["is_met"] is None:
            yield f"  {one['goal']}: not judged, no sound figure"
        else:
            said = "met" if one["is_met"] else "not met"
            yield f"  {one['goal']}: {one['measured']:.4g} {one['unit']}, {said}"


def _survey(survey: str, f: Figures) -> Iterator[str]:
    yield (
        f"== {survey.upper()}: {f['sent']} packets sent, {f['alerts']} timed in"
        f" {len(f['rate_hz'])} segments, {f['ranges']} ranges"
    )
    yield f"packets: {f['packets']}, median {f['packet_bytes_median']} bytes"
    yield f"{'D = ' + SCHEMALESS[survey]:<{WIDTH}} {_spread(f['d_hz'], '.0f')} packets/s"
    yield f"{'full flow':<{WIDTH}} {_spread(f['rate_hz'], '.0f')} alerts/s"
    yield f"{'full flow / D':<{WIDTH}} {_spread(f['x_d'], '.2f')} × D"
    for name, micro in f["micro"].items():
        yield (
            f"{name + ' alone / fastavro':<{WIDTH}} {micro['ratio']:.2f} × ({micro['lowest']:.2f} –"
            f" {micro['highest']:.2f}); {micro['ours_us']:.0f} µs against {micro['theirs_us']:.0f}"
        )
    yield f"{'Celery share of all CPU':<{WIDTH}} {100 * f['celery_share']:.1f} %"
    share = f["cpu_ms"].get("worker: select", 0.0) / f["cpu_ms_total"]
    yield (
        f"{'filters, of all CPU':<{WIDTH}} {100 * share:.2f} %: judging every alert, and the messages"
        " of selected ones"
    )
    yield from _filters(f["filters"])
    if caught := f.get("user_filters"):
        yield (
            f"{'users’ filters, ' + str(caught['live']) + ' live':<{WIDTH}}"
            f" {caught['share_percent']:.1f} % of the ranges' time,"
            f" {caught['us_per_alert']:.0f} µs per alert, {caught['rate_hz']:.0f} alerts/s with"
            f" {caught['messages']} messages more ({caught['alerts']} alerts in"
            f" {caught['ranges']} ranges)"
        )
    yield (
        f"{'Redis bytes per alert':<{WIDTH}} {f['redis_bytes_per_alert']:.1f} of all that came in,"
        f" which the goal counts; polling and beat alone would bring"
        f" {f['redis_idle_bytes_per_alert']:.1f} in that time"
    )
    for kind, one in f["latency"].items():
        yield f"{'latency, ' + kind:<{WIDTH}} {_latency(one)}"
    naive = f["naive"]
    yield (
        f"{'naive task per alert':<{WIDTH}} {naive['rate_hz']:.0f} alerts/s, {naive['cpu_ms']:.1f}"
        f" CPU-ms and {naive['redis_bytes_per_alert']:.0f} Redis bytes per alert"
        f" ({naive['alerts']} alerts, {'the same' if naive['is_same'] else 'OTHER'} rows and"
        " messages)"
    )
    yield (
        f"{'flow / naive, the same packets':<{WIDTH}} {naive['flow_is_faster']:.1f} ×; the flow"
        f" {naive['flow_rate_hz']:.0f} alerts/s"
    )
    for longest, one in f["alerts_per_task"].items():
        yield (
            f"{'ranges of ' + longest:<{WIDTH}} {one['rate_hz']:.0f} alerts/s ="
            f" {one['of_default']:.2f} of the default, {one['cpu_ms']:.1f} CPU-ms, Celery"
            f" {100 * one['celery_share']:.0f} %, {one['redis_bytes_per_alert']:.0f} Redis bytes"
            + (" (a child was replaced: Celery's figure is wrong)" * one["is_child_replaced"])
        )
    yield from _replaced(f)
    yield "CPU-ms per alert by stage (in brackets: wall ms of the step)"
    for name, spent in f["cpu_ms"].items():
        wall = f["wall_ms"].get(name.removeprefix("worker: "))
        yield f"  {name:<34} {spent:7.3f}" + (f"  ({wall:.3f})" if wall is not None else "")
    other = f["cpu_ms_other"]
    yield f"  {'other':<34} {other:7.3f}  = {100 * other / f['cpu_ms_total']:.1f} % of the total"
    yield f"  {'total':<34} {f['cpu_ms_total']:7.3f}"


def _filters(f: Figures | None) -> Iterator[str]:
    if f is None:
        return
    met = f"≤ {1 + filtering.MOST:g}: {'met' if f['is_met'] else 'not met'}"
    yield (
        f"{'with / without filters, CPU':<{WIDTH}} {f['cpu_ratio_of_sums']:.3f} × per alert, {met}"
        f" ({f['alerts']} alerts in turns, {_spread(f['cpu_ms_on'], '.2f')} CPU-ms with; by pairs"
        f" {_spread(f['cpu_ratio'], '.3f')})"
    )
    yield f"{'with / without filters, rate':<{WIDTH}} {_spread(f['rate_ratio'], '.3f')} ×"


def _replaced(f: Figures) -> Iterator[str]:
    """Say where the pool replaced a child: what that one took is missing among the children's."""
    numbers = ", ".join(str(number) for number in f["replaced_in"])
    if len(f["replaced_in"]) == len(f["rate_hz"]):
        yield "a child was replaced in every segment: Celery's share and lines are wrong"
    elif numbers:
        yield f"a child was replaced in segment {numbers}: left out of Celery's share and the table"


def _latency(one: Figures) -> str:
    if not one["alerts"]:
        return "no alert was published"
    return (
        f"p50 {one['p50_ms']:.0f}, p95 {one['p95_ms']:.0f}, p99 {one['p99_ms']:.0f}, max"
        f" {one['max_ms']:.0f} ms at {one['rate_hz']:.1f}/s ({one['alerts']} alerts; the sender was"
        f" up to {one['sender_late_ms']:.0f} ms late)"
    )


def _memory(found: Figures) -> Iterator[str]:
    sizes = found["peak_memory_bytes"]
    yield f"peak memory: {sum(sizes.values()) / 1e6:.0f} MB over all processes (shared pages counted each time)"
    parts = dict.fromkeys(name.rpartition(" ")[0] for name in sizes)
    for part in parts:
        own = [size for name, size in sizes.items() if name.rpartition(" ")[0] == part]
        yield (
            f"  {part:<34} {sum(own) / 1e6:7.0f} MB in {len(own)} processes, the largest"
            f" {max(own) / 1e6:.0f}"
        )
    yield f"Redis' own peak: {found['redis_peak_bytes'] / 1e6:.1f} MB"


def _spread(values: Sequence[float], form: str) -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}} ({low:{form}} – {high:{form}})"
