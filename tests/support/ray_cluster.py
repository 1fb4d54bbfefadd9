"""A Ray cluster on this machine with logical GPUs, as a process that prints its address and ends with its input."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # or Ray counts the GPUs in it
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}

import ray  # reads the environment above

from hpsearch.executors.ray.internals import without_helpers


def main() -> None:
    folder = tempfile.mkdtemp(prefix="hpt-", dir="/tmp")
    try:
        with without_helpers():
            context = ray.init(
                address="local",
                num_cpus=8,
                num_gpus=4,
                include_dashboard=False,
                object_store_memory=100 * 1024 * 1024,
                logging_level="ERROR",
                _temp_dir=folder,
            )
        print(context.address_info["gcs_address"], flush=True)
        sys.stdin.read()
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
