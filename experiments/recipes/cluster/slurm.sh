#!/usr/bin/env bash
# A search over several nodes of a Slurm cluster: Ray starts on all of them, the search on the first.
#
#   sbatch --nodes 4 --gpus-per-node 4 experiments/recipes/cluster/slurm.sh /shared/DATA NAME
#
# Submit it from the project's folder, which all nodes must share: .venv, runs/ and DATA lie there or on another shared
# file system. Submitted again with the same NAME, it resumes. Each node decodes the photos once, into its own $TMPDIR.
# Ray asks every process for the token in ~/.ray, which nobody but you may read; its dashboard listens on localhost.
#SBATCH --job-name=trashseg
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=1
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/../../..}"

data=${1:?usage: slurm.sh DATA NAME}
name=${2:?usage: slurm.sh DATA NAME}
space=${SPACE:-baseline} trials=${TRIALS:-60} epochs=${EPOCHS:-40} gpus_per_trial=${GPUS_PER_TRIAL:-1}
nodes=${SLURM_NNODES:?run it by sbatch} cpus=${SLURM_CPUS_PER_TASK:-16}

export PATH="$PWD/.venv/bin:$PATH"
export RAY_USAGE_STATS_REPORT_URL=http://127.0.0.1:9 # it would report that it reports nothing
export RAY_AUTH_MODE=token TRASHSEG_CACHE="${TMPDIR:-/tmp}/trashseg-$USER"
(umask 077 && mkdir -p "$HOME/.ray" && ray get-auth-token --generate >/dev/null)
chmod 600 "$HOME/.ray/auth_token"

read -r head < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(getent ahostsv4 "$head" | awk 'NR == 1 { print $1 }'):$((20000 + SLURM_JOB_ID % 20000))

if grep -qs '"event": "epoch"' "runs/$name/journal.jsonl"; then # before the first epoch there is nothing to resume
  job=(python run_search.py resume "runs/$name" --ray-address "$address")
else
  job=(python run_search.py search --data "$data" --space "$space" --name "$name" --trials "$trials"
    --epochs "$epochs" --gpus-per-trial "$gpus_per_trial" --ray-address "$address")
fi
srun --kill-on-bad-exit=0 ray symmetric-run --address "$address" --min-nodes "$nodes" \
  --num-cpus="$cpus" --dashboard-host=127.0.0.1 --disable-usage-stats -- "${job[@]}"
