#!/bin/bash
# sbatch deploy/ray/slurm.sh seglet predict MODEL IMAGES --out OUT
#
# Starts Ray on all machines of the job, runs the command on the first with --engine ray, and ends Ray. A job that is
# queued again goes on with what is missing. The folder of work and all paths are on a disk that the machines share.
#SBATCH --job-name=seglet-ray
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --time=24:00:00
set -euo pipefail
export RAY_USAGE_STATS_ENABLED=0
GPUS=${GPUS_PER_ACTOR:-0} # 1 on machines with GPUs
PORT=${RAY_PORT:-6379}

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')
srun --nodes=1 --ntasks=1 --nodelist="$head" \
  ray start --head --node-ip-address="$address" --port="$PORT" --include-dashboard=false --block &
sleep 20
for node in "${nodes[@]:1}"; do
  srun --nodes=1 --ntasks=1 --nodelist="$node" ray start --address="$address:$PORT" --block &
done
sleep 20
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  "$@" --engine ray --address "$address:$PORT" --gpus-per-actor "$GPUS"
