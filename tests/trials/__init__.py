"""The long trials: what the suite shows in seconds, shown again at length, with figures.

`python -m tests.trials` runs them all and prints what was counted; `--quick` does the same in a minute. A trial is a
module here with `def trial(options: Options) -> Figures`; it is listed in `__main__`.
"""
