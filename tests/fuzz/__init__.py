"""Input that nobody thought of. Bounded and the same at every run; ``FUZZ_EXAMPLES`` asks for more."""

import os

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
