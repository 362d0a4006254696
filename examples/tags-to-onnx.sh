#!/bin/sh
# From images with tags to a small network as an ONNX file: docs/tutorials/tags-to-onnx.md.
set -e

seglet prepare configs/diclip/world.yaml --world_scenes 300 --attention identity --cache_from real
seglet train configs/diclip/world.yaml --world_scenes 300 --attention identity --cache_from real \
    --steps 100 --warmup 10 --learning_rate 0.0001 --out runs/tags/diclip
seglet predict --method runs/tags/diclip --data world:scenes=300,size=128 --split train --pseudo-labels --refiner par \
    --score-on world:scenes=100,size=128 --out runs/tags/labels
seglet train supervised --data runs/tags/labels --student deeplabv3plus-resnet18 --width 0.5 --output_stride 16 \
    --student_weights tiny-resnet18-w50 --auxiliary_weight 0 --crop 128 128 --scale 0.75 1.5 --batch 8 \
    --optimiser adamw --learning_rate 0.001 --weight_decay 0.0001 --head_rate 1 --warmup 0 --steps 200 --validate_every 100 \
    --out runs/tags/teacher
seglet train fotf --data runs/tags/labels --teacher runs/tags/teacher/model \
    --student deeplabv3plus-resnet18 --width 0.25 --output_stride 16 --student_weights tiny-resnet18-w25 \
    --auxiliary_weight 0 --crop 128 128 --scale 0.75 1.5 --batch 8 --optimiser adamw --learning_rate 0.002 \
    --weight_decay 0.0001 --head_rate 1 --warmup 0 --steps 100 --validate_every 100 --out runs/tags/student
seglet report runs/tags/student --out runs/tags/report.html
seglet export runs/tags/student --data runs/tags/labels --split val --out runs/tags/student.onnx
