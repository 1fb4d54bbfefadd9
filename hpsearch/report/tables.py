"""All tables of a study, as Rich renderables: for `list`, `show`, and the end of `run`."""

from hpsearch.report.detail import trial_detail
from hpsearch.report.results import ensemble_table, finalists_table, leaderboard
from hpsearch.report.studies import StudyRow, studies_table, study_row
from hpsearch.report.summary import plan_line, study_summary

__all__ = [
    "StudyRow",
    "ensemble_table",
    "finalists_table",
    "leaderboard",
    "plan_line",
    "studies_table",
    "study_row",
    "study_summary",
    "trial_detail",
]
