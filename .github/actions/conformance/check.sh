#!/usr/bin/env bash
# Checks the streams in $PATHS, one path a line: annotations, SARIF, and a part of the job's summary.
set -euo pipefail

reports=responses-tap-reports
mkdir -p "$reports"
paths=()
while IFS= read -r path; do
  if [ -n "$path" ]; then paths+=("$path"); fi
done <<< "$PATHS"

status=0
responses-tap check "${paths[@]}" --fail-on "$FAIL_ON" --format github || status=$?
responses-tap check "${paths[@]}" --fail-on never --format sarif > "$reports/check.sarif" || true
{
  echo "# Recorded streams"
  echo
  echo '~~~~~~~~~~~~'
  responses-tap check "${paths[@]}" --fail-on never || true
  echo '~~~~~~~~~~~~'
} >> "$GITHUB_STEP_SUMMARY"
exit "$status"
