"""The page on a search says what its saved result says."""

import json

from optkit.suites import load_suite
from tests.isolation import ROOT


def test_the_winner_of_the_page_is_that_of_the_saved_search() -> None:
    saved = json.loads((ROOT / "docs/results/search_documents.json").read_text())
    page = (ROOT / "docs/evidence/search.md").read_text()
    found = saved["certificate"]
    low, high = (f"{found[end]:+.4f}".replace("-", "−") for end in ("low", "high"))
    row = f"{found['zip_bytes']:,} | {found['size_ratio']:.1f} × | {found['drop']:.4f} ({low} to {high})"
    assert row in page
    assert f"{len(saved['trials'])} recipes were tried" in page
    given_up = sum(len(trial["rungs"]) == 1 for trial in saved["trials"])
    assert f"{given_up} of them were given up" in page
    whole = [trial["rungs"][1]["figures"] for trial in saved["trials"] if len(trial["rungs"]) == 2]
    without_loss = min(one["zip_bytes"] for one in whole if one["drop"] <= 0)
    chosen = json.loads((ROOT / "docs/results/search_documents_no_loss.json").read_text())["variants"][0]["checks"][0]
    drop, low, high = (f"{chosen[name]:+.4f}".replace("-", "−") for name in ("value", "low", "high"))
    assert f"on the test set, once | {without_loss:,.0f} | 24.9 × | {drop} ({low} to {high}) |" in page
    assert f"held-out samples only | {min(one['zip_bytes'] for one in whole):,.0f} |" in page


def test_both_spaces_can_be_read() -> None:
    for name in ("documents", "any_network"):
        assert load_suite(str(ROOT / f"benchmarks/studies/search/{name}.toml")).search
