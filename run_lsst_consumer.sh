#!/usr/bin/env bash
# Collects selected alerts once, for cron and systemd timers; see docs/selected.md.
#
#   ./run_lsst_consumer.sh [SOURCE] [--workers N] [--duration S] [--max-messages N]
#
# Without SOURCE: selected. What it says stands in logs/lsst_consumer_YYYYMM.log as well.
# Ends with 0: read to the end; 1: not, the last line says why; 2: wrong usage;
# 75: the run before this one still works, nothing was done.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

source=selected
if [[ $# -gt 0 && $1 != -* ]]; then
    source=$1
    shift
fi
if [[ ! $source =~ ^[a-z][a-z0-9_-]*$ ]]; then
    echo "usage: $0 [SOURCE] [options of manage.py collect]" >&2
    exit 2
fi
python=.venv/bin/python
[[ -x $python ]] || python=python3

mkdir -p logs
exec > >(exec tee -a "logs/lsst_consumer_$(date -u +%Y%m).log") 2>&1
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) collect $source $*"
# The lock goes with the last process that has it open: a killed run leaves none behind.
exec 9> "logs/.lsst_consumer_$source.lock"
if ! flock --nonblock 9; then
    echo "LSST Alert Consumer $source: the run before this one still works, nothing was done"
    exit 75
fi
exec "$python" manage.py collect "$source" "$@"
