"""Settings for both APIs of Ray Tune.

Its random search has no store: the experiment's state is one file, and the results of trials are in their folders.
"""

from __future__ import annotations

import os
import time
from typing import Any

from work import BATCH_SIZES, DROPOUT, LR, METRIC, Work, start_ray

os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # else CSV, JSON and TensorBoard files for each trial
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1000000"  # else the experiment's state is written every 10 s, or less often
os.environ["TUNE_WARN_THRESHOLD_S"] = "1000000"
os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"
os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # else a worker changes its folder for each trial
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with verbose=0 neither output prints; the old one does less work


def fit(work: Work, trainable: Any, *, reuse_actors: bool) -> float:
    """Return the seconds for the search, once Ray is up.

    Raises:
        SystemExit: A trial failed, or is missing.
    """
    from ray import tune

    start_ray(work)
    space = {
        "lr": tune.loguniform(*LR),
        "dropout": tune.uniform(*DROPOUT),
        "batch_size": tune.choice(BATCH_SIZES),
        "epoch_s": work.epoch_s,
    }
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=work.trials, metric=METRIC, mode="max", reuse_actors=reuse_actors),
        run_config=tune.RunConfig(
            name="noop",
            storage_path=str(work.folder),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
    began = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - began
    if results.num_errors or len(results) != work.trials:
        raise SystemExit(f"{results.num_errors} of {len(results)} trials failed")
    return seconds
