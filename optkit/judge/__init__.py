"""Judge what was measured: gates, paired comparison of two models, of two runs, and of many over time.

Read the modules in this order, which is that of a reader's questions:

1. What counts as a change, and what are the answers called? `tolerances`, `verdicts`.
2. Does this bound hold? `gates`; with confidence: `confidence`, `scores`, `quality`; what it was when it last held:
   `passed`; moving the bounds: `update`. Does a file fit its target? `fits`.
3. Is this model slower than that one? `ab`; which files it compares: `pairs`.
4. What changed between two runs? `compare`, and figure by figure `deltas`; on targets `target_deltas`.
5. What changed over many runs? `history`, `segments`; how they are read: `saved_runs`, `past`, `past_index`.
6. What does the documents' advice say, and does a run agree? `advise`, `evidence`.
7. Which one do I ship? `choose`, whose answer is a `choice`; what it weighs: `figures`, `front`; what goes with the
   file: `card`.
8. With which settings does it run fastest here? `tune`.
"""
