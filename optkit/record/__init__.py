"""What was measured, as it is saved: facts, timings, runs, their environments, and sessions merged into one."""
