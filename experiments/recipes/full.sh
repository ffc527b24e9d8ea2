#!/usr/bin/env bash
# A competition run on one or more GPUs: the baseline space at 512 px, then the ensemble and the submission.
#
#   bash experiments/recipes/full.sh DATA [NAME]
#
# Every setting is a variable; each line of the search can be copied and changed.
set -euo pipefail
cd "$(dirname "$0")/../.."

data=${1:?usage: full.sh DATA [NAME]}
name=${2:-full}
space=${SPACE:-baseline} trials=${TRIALS:-60} epochs=${EPOCHS:-40} size=${IMAGE_SIZE:-512} batch=${BATCH_SIZE:-16}
gpus_per_trial=${GPUS_PER_TRIAL:-1} top_k=${TOP_K:-8} seed=${SEED:-0}

. experiments/recipes/setup.sh
install_project

.venv/bin/python run_search.py check "$data"
if grep -qs '"event": "epoch"' "runs/$name/journal.jsonl"; then # before the first epoch there is nothing to resume
  .venv/bin/python run_search.py resume "runs/$name"
else
  .venv/bin/python run_search.py search --data "$data" --space "$space" --name "$name" \
    --trials "$trials" --epochs "$epochs" --gpus-per-trial "$gpus_per_trial" --top-k "$top_k" --seed "$seed" \
    --set "image_size=$size" "batch_size=$batch"
fi
