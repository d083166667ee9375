"""The pytest plugin: a suite file is a test file. `entry` is what pytest loads; the rest is loaded when it is used."""
