#!/usr/bin/env python3
"""check_fabric.py LOGS: reads what the scenario fabric_logging_strategies wrote as its seed does."""

import os
import sys

from tensorboard.backend.event_processing import event_accumulator

EXPECTED = {
    "no_reduce": [0.0, 20.0, 10.0, 30.0],
    "reduce": [15.0, 15.0, 15.0, 15.0],
    "reduce_rank_zero": [15.0],
}


def main():
    logs = sys.argv[1]
    for name, expected in EXPECTED.items():
        events = event_accumulator.EventAccumulator(os.path.join(logs, name))
        events.Reload()
        found = [entry.value for entry in events.Scalars("data")]
        if found != expected:
            print(f"FAILED: {name}: expected {expected}, TensorBoard reads {found}")
            return 1
        print(f"ok: {name}: {len(found)} entries {found}")
    return 0


sys.exit(main())
