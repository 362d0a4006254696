#!/bin/bash
# sbatch deploy/training/slurm.sh EXPERIMENT --out RUN --data DATA
#
# Trains on all GPUs of the job's machines. RUN and DATA are on a disk that the machines share. A process that dies is
# started again with all others, and so is a job that Slurm queues again: --restartable goes on from the last checkpoint.
#SBATCH --job-name=seglet-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --time=24:00:00
set -euo pipefail
PROCESSES=${PROCESSES_PER_NODE:-4} # one for each GPU
PORT=${MASTER_PORT:-29500}
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
srun torchrun \
  --nnodes="$SLURM_JOB_NUM_NODES" --nproc-per-node="$PROCESSES" --max-restarts=3 \
  --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="${nodes[0]}:$PORT" \
  -m seglet train "$@" --restartable
