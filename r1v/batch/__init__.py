"""Files of requests: JSON lines in, JSON lines out, over the server's translation."""

from r1v.batch.output import AnswerFile
from r1v.batch.run import BatchProgress, BatchRun, Worker
from r1v.batch.workers import WorkerSettings, local_workers, process_workers

__all__ = [
    "AnswerFile",
    "BatchProgress",
    "BatchRun",
    "Worker",
    "WorkerSettings",
    "local_workers",
    "process_workers",
]
