#!/bin/sh
# From light images with tags to a network that segments dark images: docs/tutorials/dark-images.md.
set -e

python examples/write_world.py runs/dark/light
seglet data check runs/dark/light
seglet data darken runs/dark/light --preset night --out runs/dark/night
seglet train configs/ssss/world.yaml --data runs/dark/light --student_weights tiny-resnet18-w25 --steps 300 \
    --out runs/dark/teacher
seglet prepare configs/dgkd/world.yaml --data runs/dark/night --light runs/dark/light
seglet train configs/dgkd/world.yaml --data runs/dark/night --light runs/dark/light --teacher runs/dark/teacher/model \
    --student_weights runs/dark/teacher/model --batch 8 --steps 150 --out runs/dark/student
seglet evaluate runs/dark/teacher --data runs/dark/light --scales 1 0.75 1.25 --background-power 1
seglet evaluate runs/dark/teacher --data runs/dark/light --darken night --scales 1 0.75 1.25 --background-power 1
seglet evaluate runs/dark/student --data runs/dark/light --darken mild --scales 1 0.75 1.25 --background-power 1
seglet evaluate runs/dark/student --data runs/dark/light --darken night --scales 1 0.75 1.25 --background-power 1
seglet evaluate runs/dark/student --data runs/dark/light --darken extreme --scales 1 0.75 1.25 --background-power 1
seglet predict runs/dark/student runs/dark/night/images/val --scales 1 0.75 1.25 --background-power 1 \
    --out runs/dark/predictions
