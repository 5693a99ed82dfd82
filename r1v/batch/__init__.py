"""Files of requests: JSON lines in, JSON lines out, over the server's translation."""

from r1v.batch.output import Output
from r1v.batch.run import BatchProgress, BatchRun, Worker
from r1v.batch.workers import WorkerSettings, local_workers, process_workers

__all__ = [
    "BatchProgress",
    "BatchRun",
    "Output",
    "Worker",
    "WorkerSettings",
    "local_workers",
    "process_workers",
]
