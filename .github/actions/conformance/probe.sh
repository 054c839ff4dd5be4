#!/usr/bin/env bash
# Probes the server at $URL: JUnit, a page, a badge, SARIF, and a part of the job's summary.
set -euo pipefail

reports=responses-tap-reports
mkdir -p "$reports"
# The options are words of this shell, as the workflow's author wrote them.
eval "options=(${OPTIONS:-})"
known=()
if [ -n "${BASELINE:-}" ]; then known=(--baseline "$BASELINE"); fi
if [ -z "${OPENAI_API_KEY:-}" ]; then unset OPENAI_API_KEY; fi

status=0
responses-tap probe "$URL" --model "$MODEL" --db "$reports/probe.db" "${known[@]}" "${options[@]}" \
  --format junit > "$reports/probe.xml" || status=$?
if [ "$status" -lt 2 ]; then
  again=(responses-tap probe --from "$reports/probe.db" "${known[@]}")
  "${again[@]}" --format md >> "$GITHUB_STEP_SUMMARY" || true
  "${again[@]}" --format html > "$reports/probe.html" || true
  "${again[@]}" --format badge > "$reports/badge.svg" || true
  responses-tap check "$reports/probe.db" --fail-on never --format sarif > "$reports/probe.sarif" || true
fi
exit "$status"
