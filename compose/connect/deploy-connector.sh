#!/bin/sh
# Deploy a connector, or what has changed of it, and print its status; 1 when it does not run.
#   deploy-connector.sh [FILE]   {"name": …, "config": {…}}; default: postgres-sink.json beside this
#   CONNECT_URL                  the worker's REST interface; default: http://localhost:8083
#   CONNECT_WAIT_S               for the worker, and then for the connector; default: 60
# Needs curl, and Python 3 to take JSON apart.
set -eu
file=${1:-$(dirname "$0")/postgres-sink.json}
url=${CONNECT_URL:-http://localhost:8083}
wait_s=${CONNECT_WAIT_S:-60}

name=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["name"])' "$file")
config=$(python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["config"]))' "$file")

waited=0
until curl -fsS --max-time 5 "$url/" >/dev/null 2>&1; do
    [ "$waited" -lt "$wait_s" ] || { echo "Kafka Connect does not answer at $url (CONNECT_URL)" >&2; exit 1; }
    waited=$((waited + 1))
    sleep 1
done

# PUT makes a connector or changes it, and takes the config alone; POST would take the whole file.
said=$(printf '%s' "$config" | curl -sS --fail-with-body --max-time 60 -X PUT --data-binary @- \
    -H 'Content-Type: application/json' "$url/connectors/$name/config") || {
    echo "$name was refused: $said" >&2
    exit 1
}

waited=0
while :; do
    status=$(curl -sS --max-time 5 "$url/connectors/$name/status") || status=""
    case $status in
    *FAILED*) echo "$status" >&2; exit 1 ;;
    *'"tasks":[{'*RUNNING*) echo "$status"; exit 0 ;;
    esac
    [ "$waited" -lt "$wait_s" ] || { echo "$name does not run yet: $status" >&2; exit 1; }
    waited=$((waited + 1))
    sleep 1
done
