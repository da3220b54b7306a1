"""The alert flow, top to bottom.

``batch`` (the shared arrays, which the surveys decode into) · ``crossmatch`` · ``gate`` ·
``classify`` · ``curves`` and ``merge`` (light curves, transaction A1) · ``survey_match`` ·
``photstats`` · ``encode`` · ``decide`` · ``selecting`` (the filters) · ``store`` (transaction A2) ·
``selected_messages`` and ``publish`` (Kafka, then transaction B) · ``work`` and ``flow`` (one range
through all of them: ``reading``, ``storing``, ``settling``) · ``stranded``, ``holdback`` and
``later`` (what no range publishes) · ``tasks`` · ``ledger`` (the books).
"""
