"""The Lambda functions: one package each, plus the table that wires them and their adapters.

While Lambda starts a sandbox nothing becomes garbage, so the collector rests until the handler is
ready (`functions.turn` wakes it): a tenth of the cold start. Anywhere else this does nothing.
"""

import gc
import os

if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    gc.disable()
