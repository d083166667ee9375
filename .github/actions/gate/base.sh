#!/usr/bin/env bash
# Check the commit $BASE out into $OUT/base, with what $SHARED lists beside it. Output `found`: whether it has $SUITE.
set -euo pipefail

if ! commit=$(git rev-parse --verify --quiet --end-of-options "$BASE^{commit}"); then
    echo "::error title=optkit::the commit to compare with is not here; give actions/checkout fetch-depth: 2, or fetch what the input base names"
    exit 2
fi
git worktree prune
mkdir -p "$OUT"
test -e "$OUT/base" || git worktree add --quiet --detach "$OUT/base" HEAD
git -C "$OUT/base" checkout --quiet --detach "$commit"

while IFS= read -r path; do
    if [ -n "$path" ] && [ ! -e "$OUT/base/$path" ]; then
        mkdir -p "$(dirname "$OUT/base/$path")"
        cp -R -- "$path" "$OUT/base/$path"
    fi
done <<< "$SHARED"

if [ -e "$OUT/base/$SUITE" ]; then
    echo "found=true" >> "$GITHUB_OUTPUT"
else
    echo "found=false" >> "$GITHUB_OUTPUT"
    echo "::warning title=optkit::the base has no such suite file, so there is nothing to compare with"
    printf '### ⚠️ Not compared: the base has no such suite file\n\n' >> "$GITHUB_STEP_SUMMARY"
fi
