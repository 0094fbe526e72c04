"""A worker process for tests of the broker: says which chunks it was handed, and ends them or holds them.

python -m tests.worker.broker_worker URL INSTALLATION KIND end|hold
"""

from __future__ import annotations

import concurrent.futures
import os
import sys

import django


def main(url: str, installation: str, kind: str, what: str) -> None:
    django.setup()
    from callgauge.worker.broker import Broker  # its models need settings

    def work_on(chunk_id: int) -> concurrent.futures.Future[bool]:
        # In one write: the lines of threads that print at once run into each other.
        os.write(1, f"\nchunk {chunk_id}\n".encode())
        future: concurrent.futures.Future[bool] = concurrent.futures.Future()
        if what == "end":
            future.set_result(True)
        return future

    broker = Broker.at(url, installation, kind)
    broker.worker(work_on, on_stop=lambda: None, hostname=f"test-{what}", log_level="error").start()


if __name__ == "__main__":
    main(*sys.argv[1:])
