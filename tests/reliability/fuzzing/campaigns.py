"""The campaigns by their rows: which valid folder is mutated how, and by whom it is judged."""

from tests.reliability.fuzzing.case import Row
from tests.reliability.fuzzing.checkpoints import checkpoint_cases, judge_checkpoint, make_checkpoint
from tests.reliability.fuzzing.configurations import configuration_cases, judge_configurations, make_configurations
from tests.reliability.fuzzing.data_folders import coco_cases, judge_data_folder, make_data_folder
from tests.reliability.fuzzing.ensembles import ensemble_cases, judge_ensemble, make_ensemble
from tests.reliability.fuzzing.run_folders import judge_run_folder, make_run_folder, run_cases
from tests.reliability.fuzzing.submissions import csv_cases, judge_submission, make_submissions

CAMPAIGNS = {
    "fuzz-coco": Row(make_data_folder, coco_cases, judge_data_folder, 0.12),
    "fuzz-configuration": Row(make_configurations, configuration_cases, judge_configurations, 0.24),
    "fuzz-results": Row(make_run_folder, run_cases, judge_run_folder, 0.06),
    "fuzz-ensemble": Row(make_ensemble, ensemble_cases, judge_ensemble, 0.28),
    "fuzz-checkpoint": Row(make_checkpoint, checkpoint_cases, judge_checkpoint, 0.10),
    "fuzz-csv": Row(make_submissions, csv_cases, judge_submission, 0.20),
}
