"""The parts of docs/ and README.md that are made, not written: reference pages, a picture, a table."""
