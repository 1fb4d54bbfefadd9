"""Ray Tune's class API with `reuse_actors`, and a trial's epochs in one call: no scheduler could end it early."""

from __future__ import annotations

import os

from work import EPOCHS, main

# Before Tune is imported. The times are a call's wait for more epochs, by default none.
os.environ["TUNE_RESULT_BUFFER_LENGTH"] = str(EPOCHS)
os.environ["TUNE_RESULT_BUFFER_MIN_TIME_S"] = "1000"
os.environ["TUNE_RESULT_BUFFER_MAX_TIME_S"] = "1000"

from tune_class import run

if __name__ == "__main__":
    main(run)
