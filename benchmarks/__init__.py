"""What a round costs, measured side by side with others: `python -m benchmarks` (docs/benchmarks.md)."""
