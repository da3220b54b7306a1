"""The alert flow, top to bottom.

``batch`` (the shared arrays) · ``decode`` · ``crossmatch`` · ``gate`` · ``classify`` · ``curves``
and ``merge`` (light curves, transaction A1) · ``survey_match`` · ``photstats`` · ``encode`` ·
``store`` (transaction A2) · ``publish`` (Kafka, then transaction B) · ``work`` and ``flow``
(one range through all of them) · ``tasks`` · ``ledger`` (the books).
"""
