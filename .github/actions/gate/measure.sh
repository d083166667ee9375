#!/usr/bin/env bash
# Build and time $SUITE: $OUT/build.json is for optkit ab, $OUT/run.json for optkit gate and compare. $SIDE: base or head.
set -euo pipefail
optkit=$RUNNER_TEMP/optkit/bin/optkit

tell() {
    if [ "$SIDE" = base ]; then
        printf '### ⚠️ Not compared: the base could not be measured, see the log\n\n' >> "$GITHUB_STEP_SUMMARY"
    fi
}
trap tell ERR

mkdir -p "$OUT"
"$optkit" build "$SUITE" --data "$DATA" --allow "$PACKAGES" --json > "$OUT/build.json"
"$optkit" bench "$SUITE" --data "$DATA" --allow "$PACKAGES" --threads "$THREADS" --sessions "$SESSIONS" \
    "--pytest=$PYTEST" --no-gates -o "$OUT/run.json"
