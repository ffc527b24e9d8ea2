"""The campaigns by their rows: which valid folder is mutated how, and by whom it is judged."""

from tests.reliability.fuzzing.case import Row
from tests.reliability.fuzzing.data_folders import coco_cases, make_data_folder

CAMPAIGNS = {
    "fuzz-coco": Row(make_data_folder, coco_cases, "judge_coco", 1.0),
}
