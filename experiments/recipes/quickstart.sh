#!/usr/bin/env bash
# From nothing to a submission: makes .venv, installs, generates a sample data set, searches, builds the ensemble.
#
#   bash experiments/recipes/quickstart.sh                    on generated photos
#   bash experiments/recipes/quickstart.sh --data DIR         on yours (see README for the layout)
#   bash experiments/recipes/quickstart.sh --name second      another search beside the first
#
# Run again, it goes on from what exists. Cost: 2 to 5 minutes on 2 cores after the installation.
set -euo pipefail
cd "$(dirname "$0")/../.."

data="" name=quickstart
while [ $# -gt 0 ]; do
  case $1 in
    --data) data=${2:?--data needs a folder} && shift 2 ;;
    --name) name=${2:?--name needs a name} && shift 2 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) echo "quickstart.sh: unknown argument $1. Allowed: --data DIR, --name NAME." >&2 && exit 2 ;;
  esac
done

. experiments/recipes/setup.sh
install_project
python=.venv/bin/python

if [ -z "$data" ]; then
  data=sample_data
  if [ -f "$data/train.json" ]; then
    echo "Sample photos exist: $data"
  else
    $python run_search.py sample-data "$data" --images 240
  fi
fi

run=runs/$name
if [ -f "$run/journal.jsonl" ] && grep -q '"event": "epoch"' "$run/journal.jsonl"; then
  echo "Search exists: $run. Going on with what is not done yet."
  $python run_search.py resume "$run"
else
  $python run_search.py search --data "$data" --space quick --name "$name" --trials 6 --epochs 9 --set image_size=128
fi
