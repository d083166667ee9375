#!/usr/bin/env bash
# Make an environment in $RUNNER_TEMP/optkit with the optkit that $OPTKIT names, its $EXTRAS, and what $REQUIREMENTS lists.
set -euo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
extras=${EXTRAS:+[$EXTRAS]}
install=(-m pip install --disable-pip-version-check)

if [ -z "$OPTKIT" ]; then # with the versions that it was tested with
    wanted=$checkout$extras
    install+=(-c "$checkout/constraints.txt")
elif [ -e "$OPTKIT" ]; then # a wheel, or the folder of a checkout
    wanted=$(cd "$(dirname "$OPTKIT")" && pwd)/$(basename "$OPTKIT")$extras
elif [[ $OPTKIT == [0-9]* ]]; then
    wanted="optkit$extras==$OPTKIT"
else # a requirement, with extras of its own
    wanted=$OPTKIT
fi
if [ -n "$REQUIREMENTS" ]; then
    install+=(-r "$REQUIREMENTS")
fi

python -m venv "$RUNNER_TEMP/optkit"
"$RUNNER_TEMP/optkit/bin/python" "${install[@]}" -- "$wanted"
"$RUNNER_TEMP/optkit/bin/optkit" --version
