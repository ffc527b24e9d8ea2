"""The campaigns by their rows: which valid folder is mutated how, and by whom it is judged."""

from tests.reliability.fuzzing.case import Row
from tests.reliability.fuzzing.data_folders import coco_cases, judge_data_folder, make_data_folder
from tests.reliability.fuzzing.run_folders import judge_run_folder, make_run_folder, run_cases

CAMPAIGNS = {
    "fuzz-coco": Row(make_data_folder, coco_cases, judge_data_folder, 0.16),
    "fuzz-results": Row(make_run_folder, run_cases, judge_run_folder, 0.16),
}
