"""Public documents' tables beside our own figures: `docs/reproduction.md`, made from saved runs by one command."""
