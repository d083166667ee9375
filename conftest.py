"""The pytest side of optkit: its options are in `fixtures/options.py`, its fixtures beside it."""

pytest_plugins = ["fixtures.options", "fixtures.bench", "fixtures.artifacts", "fixtures.timing"]
