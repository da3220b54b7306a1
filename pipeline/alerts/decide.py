"""What is decided of each alert: class, gate, survey match, features, topics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.config import Config
from broker.sections.streams import RouteSettings
from pipeline.alerts import curves, store, survey_match
from pipeline.alerts.batch import Batch, Column
from pipeline.alerts.classify import LSST_SEARCH_ARCSEC, Classes, classify, rule_version
from pipeline.alerts.crossmatch import has_archival_source, match_catalog, require_lspsc
from pipeline.alerts.encode import encode_candidates, encode_properties
from pipeline.alerts.gate import gate_reasons, has_client_fields
from pipeline.alerts.merge import Merged
from pipeline.alerts.photstats import photstats
from pipeline.alerts.store import Decided
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC, OUTPUT_NONE_TOPIC
from pipeline.catalogs import catalog
from pipeline.sky import Footprint, hpx29
from pipeline.surveys import survey as survey_named
from pipeline.surveys.record import Survey
from pipeline.topics import class_topic, other_survey


@dataclass(frozen=True)
class Classified:
    """What the catalogs say of a batch; decided before any lock is taken."""

    classes: Classes
    gate_reason: NDArray[np.object_]
    is_none: NDArray[np.bool_]
    """Hostless, passed the gate, and no archival source nearby: for babamul.none if unmatched."""


def classify_batch(
    session: Session, batch: Batch, settings: Config, footprint: Footprint
) -> Classified:
    """Match the catalogs, gate and classify; reads only."""
    lspsc = None
    if batch.survey == "lsst":
        require_lspsc(session)
        lspsc = match_catalog(
            session, catalog("lspsc"), batch.ra_deg, batch.dec_deg, LSST_SEARCH_ARCSEC
        )
    classes = classify(batch, lspsc, footprint, settings.route)
    gate_reason = gate_reasons(batch, settings.gate)
    passes = _passes(gate_reason)
    lonely = passes & np.isin(classes.alert_class, _none_classes(settings))
    at = np.flatnonzero(lonely)
    if len(at):
        lonely[at] = ~has_archival_source(
            session,
            batch.ra_deg[at],
            batch.dec_deg[at],
            settings.babamul.none.crossmatch_radius_arcsec,
        )
    return Classified(classes, gate_reason, lonely)


def decide(
    session: Session,
    survey: Survey,
    route_settings: RouteSettings,
    batch: Batch,
    classified: Classified,
    merged: Merged,
) -> Decided:
    """Match the other survey, compute the features, encode, and choose the topics."""
    other = survey_named(other_survey(batch.survey))
    found = survey_match.find(session, survey, other, batch.ra_deg, batch.dec_deg, batch.is_public)
    known = survey_match.lock(session, np.concatenate((merged.object_id, found.object_id)))
    resolved = survey_match.resolve(
        merged.object_id, found, known, _linkable(batch, merged.object_id)
    )
    survey_match.write(session, resolved.links)
    matched_ids = np.unique(resolved.match_id[resolved.match_id >= 0])
    matched = curves.load(session, other.name, matched_ids)
    own_at = merged.curves.find(merged.object_id)
    own_stats = photstats(batch.jd_utc, merged.curves, own_at, None, np.full(len(batch), -1))
    both_stats = own_stats
    if len(matched_ids):
        matched_at = matched.find(resolved.match_id)
        both_stats = photstats(batch.jd_utc, merged.curves, own_at, matched, matched_at)
    classes = classified.classes
    stationary = Column(own_stats.stationary, np.ones(len(batch), bool))
    outputs, topics = route(batch, classified, resolved.match_id)
    return Decided(
        object_id=merged.object_id,
        match_id=resolved.match_id,
        hpx29=hpx29(batch.ra_deg, batch.dec_deg),
        flags=store.pack_flags(
            (
                batch.candidate["isdiffpos"],
                classes.rock,
                classes.star,
                classes.near_brightstar,
                stationary,
                Column(has_client_fields(batch), np.ones(len(batch), bool)),
            )
        ),
        gate_reason=classified.gate_reason,
        alert_class=classes.alert_class,
        output_topic=topics,
        outputs=outputs,
        rule_version=rule_version(route_settings),
        candidates=encode_candidates(batch),
        properties=encode_properties(batch, classes, own_stats, both_stats),
    )


def route(
    batch: Batch, classified: Classified, match_id: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return each alert's output bits and class topic (0 and None where a gate is shut)."""
    passes = _passes(classified.gate_reason)
    is_matched = match_id >= 0
    outputs = np.zeros(len(batch), np.int64)
    outputs[passes] |= OUTPUT_CLASS_TOPIC
    outputs[passes & classified.is_none & ~is_matched] |= OUTPUT_NONE_TOPIC
    topics: NDArray[np.object_] = np.full(len(batch), None, object)
    for at in np.flatnonzero(passes):
        topics[at] = class_topic(
            batch.survey, classified.classes.alert_class[at], is_matched=bool(is_matched[at])
        )
    return outputs, topics


def _passes(gate_reason: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.array([reason is None for reason in gate_reason.tolist()], bool)


def _linkable(batch: Batch, object_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which alerts' objects the other survey may be matched with: no moving ones."""
    moving = [name is not None and name.startswith("sso") for name in batch.object_id.tolist()]
    linkable: NDArray[np.bool_] = batch.is_public & (object_id >= 0) & ~np.array(moving, bool)
    return linkable


def _none_classes(settings: Config) -> tuple[str, ...]:
    return ("hostless", "unknown") if settings.babamul.none.include_unknown else ("hostless",)
