"""What people and tools see of a study: a JSON document, frames, tables for the terminal. All reads, none writes."""

from hpsearch.report.detail import trial_detail
from hpsearch.report.document import study_document
from hpsearch.report.frame import finalists_frame, trials_frame, write_csv
from hpsearch.report.studies import StudyRow, studies_table, study_row
from hpsearch.report.summary import plan_line, study_summary
from hpsearch.report.tables import ensemble_table, finalists_table, leaderboard

__all__ = [
    "StudyRow",
    "ensemble_table",
    "finalists_frame",
    "finalists_table",
    "leaderboard",
    "plan_line",
    "studies_table",
    "study_document",
    "study_row",
    "study_summary",
    "trial_detail",
    "trials_frame",
    "write_csv",
]
